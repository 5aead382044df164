import assert from 'node:assert/strict';
import { bytesOf, naturalForm, shownPayload } from '../../../../nodes/sidebar/payload-view.editor.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('The value of a topic', () => {
  it('comes as bytes', () => {
    assert.deepEqual([...bytesOf(Buffer.from([0, 255, 65]).toString('base64'))], [0, 255, 65]);
  });

  it('is JSON where it is an object or a list, text where it is text, else bytes', () => {
    const forms = ['{"a":1}', '[1]', '12', '{"a":', ''].map((text) => naturalForm(bytes(text), false));
    assert.deepEqual(forms, ['json', 'json', 'text', 'text', 'text']);
    assert.equal(naturalForm(Uint8Array.of(0xff, 0xfe), false), 'hex');
  });

  it('that was cut within a character is text, and no JSON', () => {
    const cut = bytes('{"ä').subarray(0, 3);
    assert.equal(naturalForm(cut, true), 'text');
    assert.equal(shownPayload(bytes('[1]'), 'json', true), undefined);
  });

  it('is shown with its properties, also with those that are something else in JavaScript', () => {
    const shown = shownPayload(bytes('{"__proto__":{"a":1},"constructor":2}'), 'json', false);
    assert.equal(shown, '{\n  "__proto__": {\n    "a": 1\n  },\n  "constructor": 2\n}');
    assert.equal(Object.hasOwn(Object.prototype, 'a'), false);
  });

  it('is no JSON where it is nested so deeply that it could not be shown', () => {
    const nested = (depth: number): Uint8Array => bytes('['.repeat(depth) + ']'.repeat(depth));
    assert.notEqual(shownPayload(nested(100), 'json', false), undefined);
    assert.equal(shownPayload(nested(101), 'json', false), undefined);
    assert.equal(shownPayload(nested(30_000), 'json', false), undefined);
  });

  it('is cut where it is long, in each form', () => {
    const long = bytes(JSON.stringify(Array.from({ length: 65_000 }, () => 1)));
    assert.equal(shownPayload(long, 'json', false)?.length, 65_536);
    assert.equal(shownPayload(long, 'text', false)?.length, 65_536);
    assert.equal(shownPayload(long, 'hex', false)?.split('\n').length, 256);
  });

  it('is shown in hexadecimal with what is text beside it', () => {
    assert.equal(shownPayload(bytes('a\nb'), 'hex', false)?.trimEnd(), `0000  61 0a 62${' '.repeat(41)}a.b`);
  });
});
