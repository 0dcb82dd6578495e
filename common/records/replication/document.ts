import { quoted, FRAME_HEADER_BYTES } from '../record/record-codec.js';
import { isGivenUp } from '../record/record.js';
import type { LogPosition } from '../log/replication-source.js';
import { sizeAndHash, storableJson } from './storable-json.js';

/** A record as a document of OpenWhisk's activations database, in pieces that are not put together before they leave. */
export interface RecordDocument {
  /** `namespace/activationId`. */
  readonly id: string;
  readonly place: LogPosition;
  /** When the activation ended (or, without an end, began): milliseconds since the epoch. */
  readonly updated: number;
  /** It says that a gateway has given the activation up. */
  readonly givenUp: boolean;
  /** The JSON text without its opening brace. */
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

/** The fields of a frame's head, by their place (`record-codec.ts`). */
type Head = readonly [
  activationId: string,
  namespace: string,
  subject: string,
  name: string,
  version: string,
  cause: string | null,
  start: number,
  end: number,
  duration: number,
  status: number,
  size: number,
  annotations: Readonly<Record<string, unknown>>,
];

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

/** Makes the document of a frame. Throws when its head is no JSON array. */
export function documentOf(frame: Buffer, place: LogPosition, logId: string): RecordDocument {
  const { head, result, logs } = partsOf(frame);
  return assemble(JSON.parse(head) as Head, { result, logs }, place, logId);
}

/** The same with its long parts replaced, and an annotation that says so. */
export function reducedDocumentOf(
  frame: Buffer,
  place: LogPosition,
  logId: string,
  reduce: (parts: LongParts) => LongParts,
): RecordDocument {
  const { head, result, logs } = partsOf(frame);
  const fields = JSON.parse(head) as Head;
  const annotations = { ...fields[11], reduced: true };
  return assemble([...fields.slice(0, 11), annotations] as unknown as Head, reduce({ result, logs }), place, logId);
}

/** `{"docs":[…]}` of some documents, for `_bulk_docs`; those with a revision replace it. */
export function bulkBody(documents: readonly RecordDocument[], revisions?: ReadonlyMap<string, string>): Buffer {
  const pieces: Buffer[] = [];
  documents.forEach((document, i) => {
    const revision = revisions?.get(document.id);
    pieces.push(i === 0 ? FIRST : NEXT);
    if (revision !== undefined) pieces.push(Buffer.from(`"_rev":${JSON.stringify(revision)},`));
    pieces.push(...document.pieces);
  });
  pieces.push(LAST);
  return Buffer.concat(pieces);
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

/** In the form of OpenWhisk's activations database; `dataflower` says where the record came from. */
function assemble(fields: Head, { result, logs }: LongParts, place: LogPosition, logId: string): RecordDocument {
  const [activationId, namespace, subject, name, version, cause, start, end, duration, status, size, annotations] =
    fields;
  const id = `${namespace}/${activationId}`;
  const updated = end === 0 ? start : end;
  // Put together, not stringified: a record is carried for every hop.
  const front =
    `"_id":${quoted(id)},"entityType":"activation","activationId":"${activationId}","namespace":${quoted(namespace)},` +
    `"subject":${quoted(subject)},"name":${quoted(name)},"version":${quoted(version)},"publish":false,` +
    (cause === null ? '' : `"cause":${quoted(cause)},`) +
    `"start":${start},"end":${end},${end === 0 ? '' : `"duration":${duration},`}"updated":${updated},` +
    `"annotations":[${annotationTexts(annotations)}],` +
    `"dataflower":{"log":"${logId}","segment":${place.segment},"offset":${place.offset}},`;
  const begin = Buffer.from(`${front}"response":{"statusCode":${status},"size":${size},"result":`);
  const pieces = [
    // It is this program's JSON: nothing else may be wrong in it.
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
    pieces,
    bytes: pieces.reduce((sum, piece) => sum + piece.length, 1),
  };
}

/** Of what is not nested deeply. */
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
