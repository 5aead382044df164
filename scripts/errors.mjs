// Writes docs/errors.md: each error code of the engine, each reason code that a Server may answer with, and the codes of
// system and TLS that a status knows, with the texts of scripts/error-texts.mjs. What the status shows, where a reason
// code comes in, and whether an attempt follows soon is asked of the source. Usage: errors.mjs [--check: write nothing,
// fail where the document is not what it would be]. Either way it fails where source and texts do not have the same codes.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { register } from 'tsx/cjs/api';
import { bring, cell, table } from './document.mjs';
import { ERRORS, REASONS, SYSTEM } from './error-texts.mjs';

// From here on TypeScript can be required.
register();
const require = createRequire(import.meta.url);
const { failure } = require('../nodes/common/status.ts');
const { ConnectionRefused, MqttError, ProtocolViolation, ServerDisconnected } = require('../src/protocol/errors.ts');
const { describeReasonCode, mayRetrySoon, reasonCodeOfReturnCode } = require('../src/protocol/reason-codes.ts');
const { Decoder } = require('../src/codec/decoder.ts');
const { isTlsFailure } = require('../src/transport/failure.ts');

/** The packets of a Server that say how something went, with a given code. */
const ANSWERS = {
  CONNACK: (code) => [0x20, 3, 0, code, 0],
  SUBACK: (code) => [0x90, 4, 0, 1, 0, code],
  PUBACK: (code) => [0x40, 3, 0, 1, code],
  PUBREC: (code) => [0x50, 3, 0, 1, code],
  DISCONNECT: (code) => [0xe0, 2, code, 0],
};
/** Their status is that of their reason code. */
const CODED = new Set(['connection-refused', 'server-disconnected', 'subscription-refused']);

const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => carriers(code).length > 0);
const texts = ERRORS.flatMap((section) => Object.keys(section.codes));
const known = wordsIn('src/protocol/errors.ts', /MqttErrorCode =([^;]+);/, /'([a-z0-9-]+)'/g);
const system = wordsIn('nodes/common/status.ts', /const SYSTEM[^{]+\{([^}]+)\}/, /^ +([A-Z0-9_]+):/gm);
await bring('docs/errors.md', document(), [
  ...differences('the error code', known, texts),
  ...differences(
    'the reason code',
    codes.map(describeReasonCode),
    Object.keys(REASONS).map(Number).map(describeReasonCode),
  ),
  ...differences('the system code', system, Object.keys(SYSTEM)),
]);

/** What `word` finds in the part of a file that `part` finds: for what the source keeps to itself. */
function wordsIn(path, part, word) {
  const text = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
  const [, found] = part.exec(text) ?? [];
  if (found === undefined) throw new Error(`${path} has nothing like ${part}`);
  return [...found.matchAll(word)].map(([, each]) => each);
}

function differences(what, inSource, inTexts) {
  return [
    ...inSource.filter((code) => !inTexts.includes(code)).map((code) => `${what} ${code} has no text`),
    ...inTexts
      .filter((code) => !inSource.includes(code))
      .map((code) => `${what} ${code} has a text, and is not in the source`),
  ];
}

/** The packets that may carry a code, as our decoder has it. */
function carriers(code) {
  return Object.keys(ANSWERS).filter((name) => isAccepted(ANSWERS[name](code)));
}

function isAccepted(bytes) {
  try {
    new Decoder(5).decode(Buffer.from(bytes), 0, 2, bytes.length);
    return true;
  } catch (error) {
    if (error instanceof ProtocolViolation) return false;
    throw error;
  }
}

function document() {
  return [
    '# Errors',
    'What the errors of these nodes mean, and what to do. The status under a node shows a few words. The whole sentence, with host, topic and number, is in the log of Node-RED and in `msg.error.message` at a Catch node. A code names the kind of error for a program.',
    'Written by `node scripts/errors.mjs`, from `scripts/error-texts.mjs` and the source.',
    ...ERRORS.flatMap(errorSection),
    '## Reason codes of the broker',
    'With MQTT 5, and for 3.1.1 those that stand for its return codes. The status shows the words and the number; with a subscription, `subscribe:` before them. Behind a connection that was refused or ended so, the next attempt comes soon, after pauses that grow up to 30 seconds; or, where only a person can help, later: after 15 to 30 seconds from the first one on.',
    table(['code', 'in', 'status', 'what it means', 'what to do', 'next attempt'], codes.map(reasonRow)),
    '## Codes of system and TLS',
    `Behind \`unreachable\` and \`tls-failed\`; of any other code the sentence in the log gives what the system said. Every code that begins with ${tlsBeginnings()} is a matter of TLS.`,
    table(['code', 'status', 'what it means', 'what to do'], Object.keys(SYSTEM).map(systemRow)),
  ].join('\n\n');
}

function errorSection({ title, where, inStatus = false, codes: entries }) {
  const rows = Object.entries(entries).map(([code, words]) => [
    `\`${code}\``,
    ...(inStatus ? [statusOfError(code)] : []),
    ...words.map(cell),
  ]);
  return [`## ${title}`, where, table(['code', ...(inStatus ? ['status'] : []), 'what it means', 'what to do'], rows)];
}

function statusOfError(code) {
  return CODED.has(code) ? 'that of the reason code' : failure(new MqttError(code, '')).text;
}

function reasonRow(code) {
  const [means, todo] = REASONS[code] ?? ['', ''];
  const isEnd = carriers(code).some((name) => name === 'CONNACK' || name === 'DISCONNECT');
  return [
    describeReasonCode(code),
    packetsOf(code),
    statusOfReason(code),
    cell(means),
    cell(todo),
    isEnd ? attemptAfter(code) : '–',
  ];
}

function packetsOf(code) {
  const returnCode = [1, 2, 3, 4, 5].find((each) => reasonCodeOfReturnCode(each) === code);
  const names = carriers(code).map((name) =>
    name === 'CONNACK' && returnCode !== undefined ? `CONNACK (3.1.1: ${returnCode})` : name,
  );
  return names.join(', ');
}

/** As a refused connection shows it, or one that the Server ended. */
function statusOfReason(code) {
  if (code < 0x80 && code > 0) return '–';
  return failure(code === 0 ? new ServerDisconnected(code) : new ConnectionRefused(code, '')).text;
}

function attemptAfter(code) {
  return mayRetrySoon(code) ? 'soon' : 'later';
}

function systemRow(code) {
  const cause = Object.assign(new Error(code), { code });
  const [means, todo] = SYSTEM[code];
  const error = new MqttError(isTlsFailure(cause) ? 'tls-failed' : 'unreachable', '', { cause });
  return [`\`${code}\``, failure(error).text, cell(means), cell(todo)];
}

function tlsBeginnings() {
  const beginnings = wordsIn('src/transport/failure.ts', /TLS_CODE = \/\^\(([^)]+)\)/, /([A-Z_]+)/g);
  return beginnings.map((beginning) => `\`${beginning}\``).join(', ');
}
