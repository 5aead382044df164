import assert from 'node:assert/strict';
import { catalogueOf } from '../../../../nodes/failures/catalogue.ts';
import { type Translate } from '../../../../nodes/failures/failure-text.ts';
import {
  commonStatus,
  failureStatus,
  inEnglish,
  joinedStatus,
  statusPart,
  statusText,
  translatedStatus,
} from '../../../../nodes/failures/status-text.ts';
import { LANGUAGES, textsOf } from './languages.ts';

const PREFIX = '@posthorn/node-red-mqtt/mqtt-connection:';

describe('a status text', () => {
  it('without numbers is the key of one, as the editor translates it by itself', () => {
    assert.equal(statusText('tls-not-verified'), `${PREFIX}status.tls-not-verified`);
    assert.equal(failureStatus('network.ECONNREFUSED'), `${PREFIX}failure.network.ECONNREFUSED.short`);
    assert.equal(failureStatus('http-port'), `${PREFIX}failure.http-port.short`);
  });

  it('of a code that nobody foresaw is words with the code', () => {
    assert.equal(failureStatus('network.EWHATEVER'), 'unreachable (EWHATEVER)');
    assert.equal(failureStatus('subscribe.0xf0'), 'subscribe: refused (0xf0)');
  });

  it('with numbers is words', () => {
    const waiting = statusPart('waiting', { count: 14, age: '5 s' });
    assert.equal(joinedStatus(commonStatus('connected'), waiting), 'connected, 14 waiting (5 s)');
    assert.equal(joinedStatus(failureStatus('refused.0x87'), waiting), 'not authorized (0x87), 14 waiting (5 s)');
    assert.equal(joinedStatus(waiting, statusPart('dropped', { count: 2 })), '14 waiting (5 s), 2 dropped');
  });

  it('that is not ours stays what it is', () => {
    for (const text of ['', 'x', 'connected, x', '14 waiting', '14 waitings (5 s)', ', ', 'my own (0x87)']) {
      assert.equal(inEnglish(text), text);
      if (text !== '14 waiting') assert.equal(translatedStatus(text, german), text);
    }
  });
});

describe('a status text with numbers, in the editor', () => {
  const parts = [
    statusPart('waiting', { count: 14, age: '5 s' }),
    statusPart('not-taken', { count: 7 }),
    statusPart('dropped', { count: 2 }),
    statusPart('expired', { count: 1 }),
  ];

  it('is in the language of the editor', () => {
    const text = joinedStatus(failureStatus('network.ECONNREFUSED'), ...parts);
    const shown = 'Verbindung abgelehnt, 14 wartend (5 s), 7 abgelehnt, 2 verworfen, 1 abgelaufen';
    assert.equal(translatedStatus(text, german), shown);
  });

  it('also behind a text that has a comma itself', () => {
    const text = joinedStatus(statusText('tls-not-verified'), statusPart('waiting', { count: 1, age: '2 min' }));
    assert.equal(translatedStatus(text, german), 'verbunden, TLS nicht überprüft, 1 wartend (2 min)');
  });

  it('also of what a flow works on', () => {
    const text = joinedStatus(
      statusPart('in-flow', { count: 20, age: '3 h' }),
      statusPart('queued', { count: 3 }),
      statusPart('late', { count: 1 }),
      statusPart('others-wait', {}),
    );
    const shown = '20 im Flow (3 h), 3 wartend, 1 verspätet, andere mit QoS 1 und 2 warten vielleicht';
    assert.equal(translatedStatus(text, german), shown);
  });

  it('also with a code that nobody foresaw', () => {
    const text = joinedStatus(failureStatus('tls.ERR_SSL_WHATEVER'), statusPart('waiting', { count: 1, age: '1 d' }));
    assert.equal(translatedStatus(text, german), 'TLS: fehlgeschlagen (ERR_SSL_WHATEVER), 1 wartend (1 d)');
  });

  it('is found again for every failure and every language', () => {
    const waiting = statusPart('waiting', { count: 3, age: '4 s' });
    for (const language of LANGUAGES.keys()) {
      const translate = translateTo(language);
      const catalogue = catalogueOf(textsOf(language));
      const behind = textsOf(language).status.waiting.replace('__count__', '3').replace('__age__', '4 s');
      for (const [id, { short }] of catalogue) {
        if (id.endsWith('.other')) continue;
        assert.equal(translatedStatus(joinedStatus(failureStatus(id), waiting), translate), `${short}, ${behind}`);
      }
    }
  });
});

const german = translateTo('de');

/** What `RED._` does with the texts of a language, and with those of Node-RED. */
function translateTo(language: string): Translate {
  const texts = textsOf(language);
  const catalogue = catalogueOf(texts);
  return (key, values = {}) => {
    const [, ...path] = key.split(/[:.]/);
    const text =
      path[0] === 'status'
        ? texts.status[path[1] as keyof typeof texts.status]
        : path[0] === 'failure'
          ? catalogue.get(path.slice(1, -1).join('.'))?.short
          : { connected: 'verbunden', connecting: 'verbindet', disconnected: 'getrennt' }[path.at(-1) ?? ''];
    assert.ok(text !== undefined, key);
    return text.replace(/__(\w+?)__/g, (placeholder, name: string) => String(values[name] ?? placeholder));
  };
}
