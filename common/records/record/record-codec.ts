import type { ActivationRecord } from './record.js';

/**
 * A record on disk is a frame: three lengths (4 bytes each, little endian) of head, result and logs, then those as
 * UTF-8. The head is a JSON array of all other fields, the result is the record's text unchanged, the logs are a JSON array
 * (or nothing).
 */
export const FRAME_HEADER_BYTES = 12;

const PLAIN = /^[\w ./:@$-]*$/;

/** The text as JSON, byte for byte that of `JSON.stringify`. Fast for names and ids, which hardly ever need an escape. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The texts of a record as they go into its frame. */
export interface RecordTexts {
  readonly head: string;
  readonly result: string;
  readonly logs: string;
}

/** Throws the error of `JSON.stringify` when an annotation has no JSON (a cycle, a BigInt). */
export function encodeRecordTexts(record: ActivationRecord): RecordTexts {
  const { cause } = record;
  const names = `${quoted(record.namespace)},${quoted(record.subject)},${quoted(record.name)},${quoted(record.version)}`;
  const times = `${record.start},${record.end},${record.duration}`;
  const annotations = record.annotationsText ?? JSON.stringify(record.annotations);
  const head =
    `[${quoted(record.activationId)},${names},${cause === undefined ? 'null' : quoted(cause)},` +
    `${times},${record.status},${record.size},${annotations}]`;
  const logs = record.logs.length === 0 ? '' : JSON.stringify(record.logs);
  return { head, result: record.result, logs };
}

/** A whole frame. */
export function encodeFrame(record: ActivationRecord): Buffer {
  const { head, result, logs } = encodeRecordTexts(record);
  const lengths = [head, result, logs].map((text) => Buffer.byteLength(text)) as [number, number, number];
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + lengths[0] + lengths[1] + lengths[2]);
  let at = FRAME_HEADER_BYTES;
  for (const [i, text] of [head, result, logs].entries()) {
    frame.writeUInt32LE(lengths[i]!, 4 * i);
    frame.write(text, at);
    at += lengths[i]!;
  }
  return frame;
}

/** The head of a frame, as JSON. */
export function decodeHead(frame: Buffer): string {
  return frame.toString('utf8', FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + frame.readUInt32LE(0));
}

/** Decodes a whole frame, or with `brief` a prefix of the frame that holds its head. */
export function decodeFrame(frame: Buffer, brief = false): ActivationRecord {
  const headEnd = FRAME_HEADER_BYTES + frame.readUInt32LE(0);
  const resultEnd = headEnd + frame.readUInt32LE(4);
  const fields = JSON.parse(decodeHead(frame)) as RecordHead;
  const [activationId, namespace, subject, name, version, cause, start, end, duration, status, size, annotations] =
    fields;
  return {
    activationId,
    namespace,
    subject,
    name,
    version,
    ...(cause === null ? {} : { cause }),
    start,
    end,
    duration,
    status,
    size,
    annotations,
    result: brief ? '{}' : frame.toString('utf8', headEnd, resultEnd),
    logs: brief || resultEnd === frame.length ? [] : (JSON.parse(frame.toString('utf8', resultEnd)) as string[]),
  };
}

/** The head of a frame, parsed. */
export type RecordHead = [
  activationId: string,
  namespace: string,
  subject: string,
  name: string,
  version: string,
  cause: string | null,
  start: number,
  end: number,
  duration: number,
  status: 0 | 1 | 2 | 3,
  size: number,
  annotations: Readonly<Record<string, unknown>>,
];

/**
 * The name that a listing's `name` filter compares with, as in OpenWhisk's view: `package/name` for an action in a package
 * (for a binding, the binding's name), else the simple name.
 */
export function listedName(record: Pick<ActivationRecord, 'name' | 'annotations'>): string {
  const { binding, path } = record.annotations;
  if (typeof binding === 'string' && binding !== '') {
    const slash = binding.indexOf('/');
    return slash < 0 ? record.name : `${binding.slice(slash + 1).split('/', 1)[0]!}/${record.name}`;
  }
  if (typeof path !== 'string') return record.name;
  const first = path.indexOf('/');
  const last = path.lastIndexOf('/');
  if (first < 0 || first === last || path.indexOf('/', first + 1) !== last) return record.name;
  return `${path.slice(first + 1, last)}/${record.name}`;
}
