import {
  type BytesAs,
  FLAG_END,
  FrameType,
  type Slot,
  decodeAmount,
  decodeEmit,
  decodeIds,
  decodeInit,
  decodeJsonObject,
  decodeLog,
  decodeResult,
  decodeRun,
  decodeValue,
} from '../index.js';

const NAMES = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]));

/** A frame as the vectors describe it: names instead of numbers, hex instead of bytes. */
export function describeFrame(type: FrameType, flags: number, id: number, payload: Buffer): Record<string, unknown> {
  return { type: NAMES.get(type), flags, id, ...describePayload(type, flags, id, payload) };
}

function describePayload(type: FrameType, flags: number, id: number, payload: Buffer): Record<string, unknown> {
  switch (type) {
    case FrameType.HELLO:
    case FrameType.WELCOME:
    case FrameType.READY:
    case FrameType.DEFINE:
      return { json: decodeJsonObject(payload) };
    case FrameType.INIT: {
      const { init, code } = decodeInit(payload);
      return { json: init, code: describeSlot(code) };
    }
    case FrameType.RUN: {
      const { activationId, deadline, definition, transactionId, slots, hasEnv, marked } = decodeRun(
        flags,
        id,
        payload,
      );
      return {
        activationId: activationId.toString('hex'),
        deadline,
        definition,
        transactionId,
        slots: slots.map(describeSlot),
        env: hasEnv,
        ...(marked === true && { marked }),
      };
    }
    case FrameType.RESULT: {
      const { outcome, shape, startedNext, slots, hasEnv, marked } = decodeResult(flags, id, payload);
      return {
        outcome,
        shape,
        startedNext,
        slots: slots.map(describeSlot),
        env: hasEnv,
        ...(marked === true && { marked }),
      };
    }
    case FrameType.EMIT: {
      const { port, shape, slot } = decodeEmit(id, payload);
      return { port, shape, slot: describeSlot(slot) };
    }
    case FrameType.LOG: {
      const { stream, time, text, truncated, partial } = decodeLog(flags, id, payload);
      return { stream, time, text, truncated, ...(partial === true && { partial }) };
    }
    case FrameType.WITHDRAW:
    case FrameType.WITHDRAWN:
      return { ids: decodeIds(payload) };
    case FrameType.OFFER:
    case FrameType.FILLED:
    case FrameType.GRANT:
    case FrameType.CREDIT:
      return { bytes: decodeAmount(payload) };
    case FrameType.FILE:
    case FrameType.RESET:
      return { text: payload.toString() };
    case FrameType.DATA:
      return { chunk: payload.toString('hex'), end: (flags & FLAG_END) !== 0 };
    default:
      return {};
  }
}

function describeSlot(slot: Slot): object {
  return slot.where === 'inline' ? { where: 'inline', hex: slot.bytes.toString('hex') } : slot;
}

/** A value as the vectors describe it; byte strings are `{"$bytes": hex}`. */
export function describeValue(bytes: Buffer, slots: Buffer[] = [], as: BytesAs = 'buffer'): unknown {
  return JSON.parse(
    JSON.stringify(decodeValue(bytes, slots, as), function (this: Record<string, unknown>, key, member: unknown) {
      return Buffer.isBuffer(this[key]) ? { $bytes: this[key].toString('hex') } : member;
    }),
  ) as unknown;
}
