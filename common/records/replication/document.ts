import { FRAME_HEADER_BYTES, type RecordHead, quoted } from '../record/record-codec.js';
import { isGivenUp } from '../record/record.js';
import type { LogPosition } from '../log/replication-source.js';
import { sizeAndHash, storableJson } from './storable-json.js';

/** A record as a document of OpenWhisk's activations database, in parts that are first joined in the request's body. */
export interface RecordDocument {
  /** `namespace/activationId`. */
  readonly id: string;
  readonly place: LogPosition;
  /** The end of the activation (its start when it has no end), in milliseconds since the epoch. */
  readonly updated: number;
  /** True for the record that a gateway wrote when it gave the activation up. */
  readonly givenUp: boolean;
  /** The JSON text without its opening brace. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/** The parts of a record that may be long, as JSON. */
export interface LongParts {
  readonly result: Buffer;
  readonly logs: Buffer;
}

const NO_LOGS = Buffer.from('[]');
const FIRST = Buffer.from('{"docs":[{');
const NEXT = Buffer.from(',{');
const LAST = Buffer.from(']}');
const LOGS = Buffer.from('},"logs":');
const END = Buffer.from('}');

/** Makes the document of a frame. Throws when its head is not a JSON array. */
export function documentOf(frame: Buffer, place: LogPosition, logId: string): RecordDocument {
  const { head, result, logs } = partsOf(frame);
  return assemble(JSON.parse(head) as RecordHead, { result, logs }, place, logId);
}

/** The same with its long parts replaced, and an annotation that says so. */
export function reducedDocumentOf(
  frame: Buffer,
  place: LogPosition,
  logId: string,
  reduce: (parts: LongParts) => LongParts,
): RecordDocument {
  const { head, result, logs } = partsOf(frame);
  const fields = JSON.parse(head) as RecordHead;
  const annotations = { ...fields[11], reduced: true };
  return assemble(
    [...fields.slice(0, 11), annotations] as unknown as RecordHead,
    reduce({ result, logs }),
    place,
    logId,
  );
}

/** The body `{"docs":[…]}` for `_bulk_docs`; a document with a revision replaces that one. */
export function bulkBody(documents: readonly RecordDocument[], revisions?: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  documents.forEach((document, i) => {
    const revision = revisions?.get(document.id);
    parts.push(i === 0 ? FIRST : NEXT);
    if (revision !== undefined) parts.push(Buffer.from(`"_rev":${JSON.stringify(revision)},`));
    parts.push(...document.parts);
  });
  parts.push(LAST);
  return Buffer.concat(parts);
}

function partsOf(frame: Buffer): { readonly head: string } & LongParts {
  const headEnd = FRAME_HEADER_BYTES + frame.readUInt32LE(0);
  const resultEnd = headEnd + frame.readUInt32LE(4);
  return {
    head: frame.toString('utf8', FRAME_HEADER_BYTES, headEnd),
    result: frame.subarray(headEnd, resultEnd),
    logs: resultEnd === frame.length ? NO_LOGS : frame.subarray(resultEnd),
  };
}

/** In the form of OpenWhisk's activations database; the field `dataflower` has the record's position in its log. */
function assemble(fields: RecordHead, { result, logs }: LongParts, place: LogPosition, logId: string): RecordDocument {
  const [activationId, namespace, subject, name, version, cause, start, end, duration, status, size, annotations] =
    fields;
  const id = `${namespace}/${activationId}`;
  const updated = end === 0 ? start : end;
  // Concatenated, which is faster than `JSON.stringify`: each hop has a record.
  const front =
    `"_id":${quoted(id)},"entityType":"activation","activationId":"${activationId}","namespace":${quoted(namespace)},` +
    `"subject":${quoted(subject)},"name":${quoted(name)},"version":${quoted(version)},"publish":false,` +
    (cause === null ? '' : `"cause":${quoted(cause)},`) +
    `"start":${start},"end":${end},${end === 0 ? '' : `"duration":${duration},`}"updated":${updated},` +
    `"annotations":[${annotationTexts(annotations)}],` +
    `"dataflower":{"log":"${logId}","segment":${place.segment},"offset":${place.offset}},`;
  const begin = Buffer.from(`${front}"response":{"statusCode":${status},"size":${size},"result":`);
  const parts = [
    // This program made the JSON: only a lone surrogate may need mending.
    front.includes('\\ud') ? mended(begin) : begin,
    storableJson(result) ?? sizeAndHash(result),
    LOGS,
    mended(logs),
    END,
  ];
  return {
    id,
    place,
    updated,
    givenUp: isGivenUp({ annotations }),
    parts,
    bytes: parts.reduce((sum, part) => sum + part.length, 1),
  };
}

/** For text that is not nested deeply. */
function mended(text: Buffer): Buffer {
  return storableJson(text) ?? text;
}

function annotationTexts(annotations: Readonly<Record<string, unknown>>): string {
  let texts = '';
  for (const key in annotations) {
    texts += `${texts === '' ? '' : ','}{"key":${quoted(key)},"value":${JSON.stringify(annotations[key])}}`;
  }
  return texts;
}
