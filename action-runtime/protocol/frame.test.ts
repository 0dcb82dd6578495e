import fc from 'fast-check';
import { FrameDecoder, FrameType, HEADER_BYTES, MAX_FRAME_BYTES, ProtocolError, encodeFrame } from './index.js';
import { describeFrame } from './testing/described.js';

const types = fc.constantFrom(...Object.values(FrameType));
const frames = fc.array(
  fc.record({ type: types, flags: fc.nat(255), id: fc.nat(0xffffffff), payload: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 8 },
);

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 10 }), (sent, sizes) => {
      const bytes = Buffer.concat(sent.map((f) => encodeFrame(f.type, f.flags, f.id, f.payload)));
      const seen: unknown[] = [];
      const decoder = new FrameDecoder((type, flags, id, payload) =>
        seen.push({ type, flags, id, payload: Uint8Array.from(payload) }),
      );
      for (const chunk of cut(bytes, sizes)) decoder.push(chunk);
      expect(seen).toEqual(sent);
      expect(decoder.buffered).toBe(0);
    }),
  );
});

test('noise is refused with a named error and never kept beyond one frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (chunks) => {
      const decoder = new FrameDecoder((type, flags, id, payload) => {
        try {
          describeFrame(type, flags, id, payload);
        } catch (error) {
          if (!ProtocolError.is(error)) throw error;
        }
      });
      try {
        for (const chunk of chunks) decoder.push(Buffer.from(chunk));
      } catch (error) {
        if (!ProtocolError.is(error)) throw error;
      }
      expect(decoder.buffered).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    }),
    { numRuns: 1000 },
  );
});

test('a payload of noise is a message or a named error', () => {
  fc.assert(
    fc.property(types, fc.nat(7), fc.uint8Array({ maxLength: 120 }), (type, flags, payload) => {
      try {
        describeFrame(type, flags, 1, Buffer.from(payload));
      } catch (error) {
        if (!ProtocolError.is(error)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

test('a length is checked before anything is kept for it', () => {
  const decoder = new FrameDecoder(() => undefined);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAX_FRAME_BYTES + 1);
  header[4] = FrameType.DATA;
  expect(() => decoder.push(header)).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }) as Error);
  expect(() => decoder.push(encodeFrame(FrameType.SHUTDOWN, 0, 0))).toThrow(
    expect.objectContaining({ code: 'UNEXPECTED_FRAME' }) as Error,
  );
});

test('a frame beyond the limit is not written', () => {
  expect(() => encodeFrame(FrameType.DATA, 0, 1, Buffer.alloc(MAX_FRAME_BYTES))).toThrow(
    expect.objectContaining({ code: 'FRAME_TOO_LARGE' }) as Error,
  );
});

test('a frame in many pieces costs one copy', () => {
  const frame = encodeFrame(FrameType.DATA, 0, 1, Buffer.alloc(1_000_000, 1));
  let payloads = 0;
  const decoder = new FrameDecoder(() => payloads++);
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < frame.length; at += 100) decoder.push(frame.subarray(at, at + 100));
  expect(payloads).toBe(1);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3_000_000);
});
