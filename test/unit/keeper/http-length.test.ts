import { expect, test } from '@jest/globals';
import { endsConnection, messageLength, withHeaders } from '../../../src/keeper/http-length.js';

const bytes = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'));
const ANSWER = 'HTTP/1.1 200 OK\nContent-Type: application/json\ncontent-length:2\n\n{}';

test('a message ends where its Content-Length says, whatever else has come', () => {
  expect(messageLength(bytes(ANSWER))).toBe(bytes(ANSWER).length);
  expect(messageLength(bytes(`${ANSWER}more`))).toBe(bytes(ANSWER).length);
  expect(messageLength(bytes('POST /x HTTP/1.1\nContent-Length: 5\n\n'))).toBe(
    bytes('POST /x HTTP/1.1\nContent-Length: 5\n\n').length + 5,
  );
});

test('a message without a length ends with its connection, and one without a whole head is not known', () => {
  expect(messageLength(bytes('HTTP/1.1 400 Bad Request\nConnection: close\n\nContent-Length: 2\n'))).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(messageLength(bytes('HTTP/1.1 200 OK\nContent-Length: 2\n'))).toBeUndefined();
  expect(messageLength(Buffer.alloc(0))).toBeUndefined();
});

test('an answer that announces the end of its connection, or has no length, ends it', () => {
  expect(endsConnection(bytes(ANSWER))).toBe(false);
  expect(endsConnection(bytes(ANSWER.replace('\n', '\nConnection: close\n')))).toBe(true);
  expect(endsConnection(bytes('HTTP/1.1 200 OK\n\n'))).toBe(true);
});

test('headers are put behind the first line, and the rest stays as it came', () => {
  expect(withHeaders(bytes(ANSWER), 'A: b\r\n')).toEqual(bytes(ANSWER.replace('\n', '\nA: b\n')));
  expect(withHeaders(Buffer.from('POST /x'), 'A: b\r\n')).toBeUndefined();
});
