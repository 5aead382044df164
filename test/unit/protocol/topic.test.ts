import assert from 'node:assert/strict';
import { MqttError } from '../../../src/protocol/errors.ts';
import {
  hasWildcard,
  matchedFilter,
  parseShare,
  parseTopicFilter,
  parseTopicName,
  whyNotEncodable,
} from '../../../src/protocol/topic.ts';

const NAMES = ['a', '/', '//', 'a/', '/a', 'a//b', 'a b', '$SYS/x', '$share/g/a', 'a/{2}', 'é/🚀', '\uFEFF', '\u0001'];

const BAD_NAMES: readonly (readonly [string, string, RegExp])[] = [
  ['', '[MQTT-4.7.3-1]', /is empty/],
  ['a/#', '[MQTT-4.7.0-1]', /wildcard/],
  ['+', '[MQTT-4.7.0-1]', /wildcard/],
  ['a+b', '[MQTT-4.7.0-1]', /wildcard/],
  ['a\0b', '[MQTT-4.7.3-2]', /U\+0000/],
  ['a\uD800', '[MQTT-1.5.4-1]', /lone surrogate/],
  ['\uDC00a', '[MQTT-1.5.4-1]', /lone surrogate/],
  ['x'.repeat(65_536), '[MQTT-4.7.3-3]', /65536 bytes/],
  ['ü'.repeat(32_768), '[MQTT-4.7.3-3]', /65536 bytes/],
  ['€'.repeat(21_846), '[MQTT-4.7.3-3]', /65538 bytes/],
];

const FILTERS = [
  ...NAMES.filter((name) => !name.startsWith('$share')),
  '#',
  '+',
  '/#',
  '+/#',
  '+/+',
  '/+',
  'a/+/b/#',
  '$SYS/#',
  '$share',
  '$shared/a',
  '$share/group/a',
  '$share/group/#',
  '$share/group//',
  '$share/g r/+/a',
  '$share/group/$SYS/#',
];

const BAD_FILTERS: readonly (readonly [string, string, RegExp])[] = [
  ['', '[MQTT-4.7.3-1]', /is empty/],
  ['#/a', '[MQTT-4.7.1-1]', /# that is not alone in the last level/],
  ['a/#/b', '[MQTT-4.7.1-1]', /#/],
  ['a#', '[MQTT-4.7.1-1]', /#/],
  ['a/b#', '[MQTT-4.7.1-1]', /#/],
  ['##', '[MQTT-4.7.1-1]', /#/],
  ['a+', '[MQTT-4.7.1-2]', /\+ that is not alone in its level/],
  ['a/+b/c', '[MQTT-4.7.1-2]', /\+/],
  ['++', '[MQTT-4.7.1-2]', /\+/],
  ['a\0', '[MQTT-4.7.3-2]', /U\+0000/],
  ['a\uD800', '[MQTT-1.5.4-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1]', /lone surrogate/],
  ['x'.repeat(65_536), '[MQTT-4.7.3-3]', /65536 bytes/],
  ['$share/', '[MQTT-4.8.2-1]', /share name/],
  ['$share//a', '[MQTT-4.8.2-1]', /share name/],
  ['$share/a+/b', '[MQTT-4.8.2-2]', /share name/],
  ['$share/#/b', '[MQTT-4.8.2-2]', /share name/],
  ['$share/group', '[MQTT-4.8.2-2]', /no topic filter behind/],
  ['$share/group/', '[MQTT-4.8.2-2]', /no topic filter behind/],
  ['$share/group/a/#/b', '[MQTT-4.7.1-1]', /#/],
  ['$share/group/a+', '[MQTT-4.7.1-2]', /\+/],
];

function shown(text: string): string {
  return JSON.stringify(text.length > 20 ? `${text.slice(0, 5)}… (${text.length})` : text);
}

describe('parseTopicName', () => {
  for (const name of NAMES) {
    it(`takes ${shown(name)} as it is`, () => assert.equal(parseTopicName(name), name));
  }
  for (const [name, rule, problem] of BAD_NAMES) {
    it(`refuses ${shown(name)} ${rule}`, () => {
      assert.throws(
        () => parseTopicName(name),
        (error) => error instanceof MqttError && error.code === 'invalid-topic' && problem.test(error.message),
      );
    });
  }
  it('takes 65,535 bytes', () => {
    for (const name of ['x'.repeat(65_535), '€'.repeat(21_845)]) assert.equal(parseTopicName(name), name);
  });
  it('does not repeat a long topic in its message', () => {
    assert.throws(
      () => parseTopicName('x'.repeat(70_000)),
      (error) => error instanceof Error && error.message.length < 200,
    );
  });
});

describe('parseTopicFilter', () => {
  for (const filter of FILTERS) {
    it(`takes ${shown(filter)} as it is`, () => assert.equal(parseTopicFilter(filter), filter));
  }
  for (const [filter, rule, problem] of BAD_FILTERS) {
    it(`refuses ${shown(filter)} ${rule}`, () => {
      assert.throws(
        () => parseTopicFilter(filter),
        (error) => error instanceof MqttError && error.code === 'invalid-filter' && problem.test(error.message),
      );
    });
  }
});

describe('shared subscriptions', () => {
  it('have a share name and a filter', () => {
    assert.deepEqual(parseShare('$share/group/a/#'), { shareName: 'group', filter: 'a/#' });
    assert.deepEqual(parseShare('$share/group//'), { shareName: 'group', filter: '/' });
    for (const filter of ['a', '$share', '$SHARE/group/a', '$shared/group/a', '/$share/group/a']) {
      assert.equal(parseShare(filter), undefined, filter);
    }
  });

  it('are matched by the filter behind their name', () => {
    assert.equal(matchedFilter(parseTopicFilter('$share/group/a/#')), 'a/#');
    assert.equal(matchedFilter(parseTopicFilter('a/#')), 'a/#');
  });
});

describe('whyNotEncodable', () => {
  it('says nothing of a text that is one', () => {
    for (const text of ['', 'a', '\uFEFF\uFFFD\uFFFF', '🚀']) assert.equal(whyNotEncodable(text), undefined);
  });
});

describe('hasWildcard', () => {
  it('finds + and # anywhere', () => {
    assert.deepEqual(['a/b', '#', 'a/+/b', 'a/#', ''].map(hasWildcard), [false, true, true, true, false]);
  });
});
