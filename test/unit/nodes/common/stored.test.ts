import assert from 'node:assert/strict';
import {
  filled,
  flag,
  payloadOf,
  propertiesOf,
  qosOf,
  userPropertiesOf,
  whole,
} from '../../../../nodes/common/stored.ts';

/** Values that a stored field of another kind may hold; none of the readers may throw. */
const ODD: readonly unknown[] = [
  undefined,
  null,
  '',
  ' ',
  'x',
  {},
  [],
  [1],
  Number.NaN,
  Infinity,
  -1,
  true,
  Symbol('s'),
];

describe('flag', () => {
  it('reads ticks and their texts', () => {
    assert.deepEqual(
      [true, 'true', false, 'false'].map((value) => flag(value, true)),
      [true, true, false, false],
    );
    assert.deepEqual(
      [true, 'true', false, 'false'].map((value) => flag(value, false)),
      [true, true, false, false],
    );
  });

  it('takes anything else for missing', () => {
    for (const value of [undefined, null, '', 'yes', 0, 1, {}, []]) {
      assert.deepEqual([flag(value, true), flag(value, false)], [true, false]);
    }
  });
});

describe('whole', () => {
  const rows: readonly (readonly [unknown, number | undefined])[] = [
    [0, 0],
    ['0', 0],
    [10, 10],
    ['10', 10],
    [' 7 ', 7],
    [7.9, 7],
    ['7.9', 7],
    [11, undefined],
    ['-1', undefined],
    ['1e1', 10],
    ['', undefined],
    [' ', undefined],
    ['ten', undefined],
    [Number.NaN, undefined],
    [Infinity, undefined],
    [null, undefined],
    [undefined, undefined],
    [true, undefined],
    [[5], undefined],
    [{}, undefined],
    [5n, undefined],
  ];
  for (const [value, expected] of rows) {
    it(`takes ${typeof value} ${String(value)} for ${expected} in 0 to 10`, () => {
      assert.equal(whole(value, 0, 10), expected);
    });
  }
});

describe('qosOf', () => {
  it('reads 0 to 2, as numbers and texts, and nothing else', () => {
    assert.deepEqual([0, '1', 2, '2'].map(qosOf), [0, 1, 2, 2]);
    assert.deepEqual(['', 3, '3', -1, null, undefined, true].map(qosOf), Array<undefined>(7).fill(undefined));
  });
});

describe('filled', () => {
  it('is a text that is not empty', () => {
    assert.equal(filled('x'), 'x');
    assert.deepEqual(['', 5, null, undefined, {}, ['x']].map(filled), Array<undefined>(6).fill(undefined));
  });
});

describe('userPropertiesOf', () => {
  it('reads an object, and JSON text of one, in its order', () => {
    const pairs = [
      ['b', '1'],
      ['a', '2'],
    ];
    assert.deepEqual(userPropertiesOf({ b: '1', a: '2' }), pairs);
    assert.deepEqual(userPropertiesOf('{"b":"1","a":"2"}'), pairs);
  });

  it('repeats a name for a list of texts', () => {
    assert.deepEqual(userPropertiesOf({ a: ['1', '2'], b: '3' }), [
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
    ]);
  });

  it('writes other values as JSON, and leaves out what has no text', () => {
    assert.deepEqual(userPropertiesOf({ a: 1, b: true, c: { d: [1] }, e: [1, 'x'] }), [
      ['a', '1'],
      ['b', 'true'],
      ['c', '{"d":[1]}'],
      ['e', '[1,"x"]'],
    ]);
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    assert.equal(userPropertiesOf({ a: null, b: undefined, c: circular, d: () => 1 }), undefined);
  });

  it('takes a name like any other, __proto__ too', () => {
    assert.deepEqual(userPropertiesOf('{"__proto__":"x","constructor":"y"}'), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('is nothing for what is no object', () => {
    for (const value of ['', 'no JSON', '5', 'null', '[]', 5, null, undefined, true, Buffer.from('{}'), {}]) {
      assert.equal(userPropertiesOf(value), undefined);
    }
  });
});

describe('propertiesOf', () => {
  it('reads every property', () => {
    assert.deepEqual(
      propertiesOf({
        payloadFormatIndicator: true,
        messageExpiryInterval: '60',
        responseTopic: 'r',
        correlationData: 'c',
        userProperties: { a: 'b' },
        contentType: 'text/plain',
      }),
      {
        payloadFormatIndicator: true,
        messageExpiryInterval: 60,
        responseTopic: 'r',
        correlationData: Buffer.from('c'),
        userProperties: [['a', 'b']],
        contentType: 'text/plain',
      },
    );
  });

  it('keeps an expiry of 0 and a format indicator of false', () => {
    assert.deepEqual(propertiesOf({ messageExpiryInterval: 0, payloadFormatIndicator: false }), {
      messageExpiryInterval: 0,
      payloadFormatIndicator: false,
    });
  });

  it('copies the correlation data: a flow may go on changing its own', () => {
    const correlationData = Buffer.from('id');
    const properties = propertiesOf({ correlationData });
    correlationData.fill(0);
    assert.equal(properties?.correlationData?.toString(), 'id');
  });

  it('is nothing when nothing makes sense', () => {
    assert.equal(propertiesOf({}), undefined);
    assert.equal(
      propertiesOf({
        payloadFormatIndicator: 'x',
        messageExpiryInterval: -1,
        responseTopic: 5,
        correlationData: {},
        userProperties: 'x',
        contentType: '',
      }),
      undefined,
    );
  });
});

describe('payloadOf', () => {
  const buffer = Buffer.from([0, 255]);
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ['nothing', null, ''],
    ['undefined', undefined, ''],
    ['a text', 'text', 'text'],
    ['an empty text', '', ''],
    ['a Buffer, as it is', buffer, buffer],
    ['a Uint8Array', new Uint8Array([1, 2]), Buffer.from([1, 2])],
    ['a part of a Uint8Array', new Uint8Array([1, 2, 3, 4]).subarray(1, 3), Buffer.from([2, 3])],
    ['an object', { a: [1, null] }, '{"a":[1,null]}'],
    ['a list', [1, 'x'], '[1,"x"]'],
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a number', 1.5, '1.5'],
    ['zero', 0, '0'],
    ['false', false, 'false'],
    ['a BigInt', 12_345_678_901_234_567_890n, '12345678901234567890'],
    ['NaN', Number.NaN, 'NaN'],
    ['a function', () => 1, ''],
  ];
  for (const [what, value, expected] of rows) {
    it(`carries ${what}`, () => assert.deepEqual(payloadOf(value), expected));
  }
});

it('the readers of stored values never throw', () => {
  for (const value of ODD) {
    flag(value, true);
    whole(value, 0, 1);
    qosOf(value);
    filled(value);
    const source = {
      payloadFormatIndicator: value,
      messageExpiryInterval: value,
      responseTopic: value,
      correlationData: value,
      userProperties: value,
      contentType: value,
    };
    assert.doesNotThrow(() => propertiesOf(source), String(value));
  }
});
