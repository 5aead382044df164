// Writes docs/errors.md: each error code of the engine, each reason code by the packet that brings it, and the codes of
// network and TLS, with the English texts of nodes/failures. Which codes there are, and whether an attempt follows soon, is
// asked of the source. Usage: errors.mjs [--check: write nothing, fail where the document is not what it would be]
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';
import { bring, cell, table } from './document.mjs';

// From here on TypeScript can be required.
register();
const require = createRequire(import.meta.url);
const { ENGLISH } = require('../nodes/failures/english.ts');
const { SAME_NETWORK, SAME_TLS } = require('../nodes/failures/failure-id.ts');
const { REASON_CODES_OF } = require('../src/protocol/packet-reason-codes.ts');
const { describeReasonCode, mayRetrySoon, reasonCodeOfReturnCode } = require('../src/protocol/reason-codes.ts');

/** `MqttErrorCode` of src/protocol/errors.ts by where they are met. */
const SECTIONS = [
  {
    title: 'The connection',
    where: 'In the status of every node of the connection, in the log, and once at Catch nodes.',
    codes: [
      'unreachable',
      'tls-failed',
      'handshake-timeout',
      'connection-refused',
      'server-disconnected',
      'connection-lost',
      'keep-alive-timeout',
      'malformed-packet',
      'not-mqtt',
      'protocol-error',
      'packet-too-large',
      'invalid-options',
    ],
    // What has a name of its own, and the code of another.
    besides: { 'connect-unanswered': 'connection-lost', 'invalid-server': 'invalid-options' },
  },
  {
    title: 'A message that is sent',
    where:
      'At Catch nodes, with the message, and in the log. What a person has to mend is in the status of the mqtt-out too, until the next message that goes well.',
    codes: [
      'invalid-topic',
      'invalid-message',
      'offline',
      'outbox-full',
      'dropped',
      'expired',
      'not-supported',
      'publish-rejected',
      'message-set-aside',
      'outcome-unknown',
      'closed',
    ],
  },
  {
    title: 'A subscription',
    where: 'In the status of the mqtt-in node, at Catch nodes, and in the log.',
    codes: ['invalid-filter', 'subscription-refused', 'not-acknowledged', 'not-answered'],
  },
  {
    title: 'Notices',
    where: 'In the log, as a warning: the connection goes on, and a person should know.',
    codes: [
      'message-skipped',
      'receiver-failed',
      'qos-downgraded',
      'session-lost',
      'session-moved',
      'reception-paused',
      'store-failed',
    ],
  },
];

/** The packets of a Server by the first part of the id. */
const PACKETS = [
  ['refused', 'CONNACK: the broker answers the connection', REASON_CODES_OF.connack],
  ['disconnected', 'DISCONNECT: the broker ends the connection', REASON_CODES_OF.disconnect],
  ['subscribe', 'SUBACK: the broker answers a subscription', REASON_CODES_OF.suback],
  ['unsubscribe', 'UNSUBACK: the broker answers the end of a subscription', REASON_CODES_OF.unsuback],
  ['publish', 'PUBACK and PUBREC: the broker answers a message', REASON_CODES_OF.puback],
  ['release', 'PUBREL and PUBCOMP: the second half of QoS 2', REASON_CODES_OF.pubcomp],
];

const HEAD = ['code', 'status', 'what it means', 'what to do'];

const known = errorCodes();
const listed = SECTIONS.flatMap(({ codes }) => codes);
await bring('docs/errors.md', document(), [
  ...known.filter((code) => !listed.includes(code)).map((code) => `the error code ${code} is in no section`),
  ...listed.filter((code) => !known.includes(code)).map((code) => `the error code ${code} is not in the source`),
]);

function errorCodes() {
  const source = readFileSync(new URL('../src/protocol/errors.ts', import.meta.url), 'utf8');
  const [, union] = /MqttErrorCode =([^;]+);/.exec(source);
  return [...union.matchAll(/'([a-z0-9-]+)'/g)].map(([, code]) => code);
}

function document() {
  return [
    '# Errors',
    'What the errors of these nodes mean, and what to do. The status under a node shows a few words, in the language of the editor. The whole sentence, with host, topic and number, is in the log of Node-RED and in `msg.error.message` at a Catch node; `msg.error.code` names the kind of error for a program.',
    'Each failure has an id, such as `refused.0x87`. At a Status node `msg.status.text` has it: `@posthorn/node-red-mqtt/mqtt-connection:failure.refused.0x87.short` is what the editor translates. Where a text has numbers, such as how many messages wait, or a code that is not listed here, it is English words there.',
    'Written by `node scripts/errors.mjs`, from `nodes/failures/texts/en-US.json` and the source; the other languages are beside it.',
    ...SECTIONS.flatMap(errorSection),
    '## Reason codes of the broker',
    'With MQTT 5, and for 3.1.1 those that stand for its return codes. Behind a connection that was refused or ended so, the next attempt comes soon, after pauses that grow up to 30 seconds; or, where only a person can help, later: after 15 to 30 seconds from the first one on.',
    ...PACKETS.flatMap(packetSection),
    '## Network',
    'Behind `unreachable`. The id is `network.` and the code.',
    systemTable('network', SAME_NETWORK),
    '## TLS',
    `Behind \`tls-failed\`: every code that begins with ${tlsBeginnings()}. The id is \`tls.\` and what stands in the first column.`,
    systemTable('tls', SAME_TLS),
    '## Wrong ports',
    'What listens answers in another protocol.',
    idTable(['plain-to-tls-port', 'http-port']),
  ].join('\n\n');
}

function errorSection({ title, where, codes, besides = {} }) {
  const rows = [
    ...codes.map((code) => [`\`${code}\``, ...textOf(`client.${code}`)]),
    ...Object.entries(besides).map(([name, code]) => [`\`${code}\` (\`${name}\`)`, ...textOf(`client.${name}`)]),
  ];
  const ids = 'The id is `client.` and the code';
  const own = Object.keys(besides).length === 0 ? `${ids}.` : `${ids}, or the name in brackets.`;
  return [`## ${title}`, `${where} ${own}`, table(HEAD, rows)];
}

function packetSection([kind, title, codes]) {
  const isEnd = kind === 'refused' || kind === 'disconnected';
  const rows = [...codes].map((code) => [
    kind === 'refused' ? withReturnCode(code) : describeReasonCode(code),
    ...textOf(`${kind}.0x${code.toString(16).padStart(2, '0')}`),
    ...(isEnd ? [attemptAfter(kind, code)] : []),
  ]);
  return [
    `### ${title}`,
    `The id is \`${kind}.\` and the code.`,
    table(isEnd ? [...HEAD, 'next attempt'] : HEAD, rows),
  ];
}

function withReturnCode(code) {
  const returnCode = [1, 2, 3, 4, 5].find((each) => reasonCodeOfReturnCode(each) === code);
  return `${describeReasonCode(code)}${returnCode === undefined ? '' : ` (3.1.1: ${returnCode})`}`;
}

function attemptAfter(kind, code) {
  if (kind === 'refused' && code === 0) return '–';
  return mayRetrySoon(code) ? 'soon' : 'later';
}

/** With the codes of which the same is to be said. */
function systemTable(kind, same) {
  const rows = [...ENGLISH.keys()]
    .filter((id) => id.startsWith(`${kind}.`))
    .map((id) => {
      const code = id.slice(kind.length + 1);
      const others = Object.keys(same).filter((each) => same[each] === code);
      return [[code, ...others].map((each) => `\`${each}\``).join(', '), ...textOf(id)];
    });
  return table(HEAD, rows);
}

function idTable(ids) {
  return table(
    ['id', ...HEAD.slice(1)],
    ids.map((id) => [`\`${id}\``, ...textOf(id)]),
  );
}

/** Status, meaning and what to do; a code that has no row of its own is the code itself. */
function textOf(id) {
  const { short, means, doThis } = ENGLISH.get(id) ?? { short: '', means: '', doThis: '' };
  return [short, means, doThis].map((text) => cell(text.replaceAll('__code__', '…')));
}

function tlsBeginnings() {
  const source = readFileSync(new URL('../src/transport/failure.ts', import.meta.url), 'utf8');
  const [, beginnings] = /TLS_CODE =\s*\/\^\(([^)]+)\)/.exec(source);
  return beginnings
    .split('|')
    .map((beginning) => `\`${beginning}\``)
    .join(', ');
}
