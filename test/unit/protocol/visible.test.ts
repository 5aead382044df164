import assert from 'node:assert/strict';
import { MqttError, PublishRejected, ServerDisconnected } from '../../../src/protocol/errors.ts';
import { shownText } from '../../../src/protocol/visible.ts';

describe('a text from outside', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['a line break, which would begin a line of its own in the log', 'a\r\nb', String.raw`a\r\nb`],
    ['an escape, which a terminal would obey', '\u001b[2Jgone', String.raw`\u001b[2Jgone`],
    ['a control character of the second kind', 'a\u009bb\u007f', String.raw`a\u009bb\u007f`],
    ['what turns the direction of the text', '\u202egnp.exe\u2066', String.raw`\u202egnp.exe\u2066`],
    ['a separator of lines that is none in ASCII', 'a\u2028b\u2029', String.raw`a\u2028b\u2029`],
    ['a tab and a zero', '\t\0', String.raw`\t\u0000`],
  ];
  for (const [what, text, shown] of rows) it(`shows ${what}`, () => assert.equal(shownText(text), shown));

  it('stays as it is where everything in it is seen, in every script', () => {
    for (const text of ['', 'größe/温度/λ', 'שלום', 'مرحبا', '👩‍🚀', String.raw`a\nb`])
      assert.equal(shownText(text), text);
  });
});

describe('no error forges a line of the log', () => {
  it('by the broker’s own words, or by a topic', () => {
    const forged = 'x\n24 Nov 12:00:00 - [info] all is well\u001b[8m';
    const errors = [
      new ServerDisconnected(0x8b, forged),
      new PublishRejected(forged, 0x87, forged),
      new MqttError('invalid-filter', `${forged} is no filter`),
    ];
    for (const { message, stack = '' } of errors) {
      for (const raw of ['\n', '\u001b']) assert.ok(!message.includes(raw));
      for (const raw of ['\n24 Nov', '\u001b']) assert.ok(!stack.includes(raw));
    }
  });
});
