import assert from 'node:assert/strict';
import { messageId } from '../../../../nodes/common/message-id.ts';

describe('messageId', () => {
  it('is sixteen hexadecimal digits, and never the same', () => {
    const ids = Array.from({ length: 10_000 }, messageId);
    for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
    assert.equal(new Set(ids).size, ids.length);
  });
});
