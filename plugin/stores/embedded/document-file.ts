import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { CodedError } from '@dataflower/common';
import type { StoredDocument } from '../entity-store.js';

/** The file of an attachment. It is written once; later revisions that keep the attachment name the same file. */
export interface StoredAttachment {
  readonly file: string;
  readonly contentType: string;
  readonly bytes: number;
}

/** The part of a document that stays in memory, for listings and for the check of revisions. */
export interface Entry {
  readonly id: string;
  readonly rev: string;
  readonly type: string;
  readonly namespace: string;
  readonly updated: number;
  readonly attachments?: Readonly<Record<string, StoredAttachment>>;
}

/** The first line of a document's file; the second is the document. */
interface Head extends Entry {
  /** Length and SHA-256 of the second line. */
  readonly bytes: number;
  readonly sha256: string;
}

const HEAD_BYTES = 4096;
const LONGEST_HEAD_BYTES = 1024 * 1024;
const DOCUMENT_NAME = /^[0-9a-f]{64}\.json$/;
const NEWLINE = 0x0a;

/** The content of a file is not what the store has written. */
export class DamagedFileError extends CodedError<'STORE_FILE_DAMAGED'> {
  static readonly codes = ['STORE_FILE_DAMAGED'] as const;

  constructor(path: string, what: string) {
    const advice = 'restore it from a backup, or remove it to go on without its document';
    super('DamagedFileError', 'STORE_FILE_DAMAGED', false, `The file ${path} is damaged (${what}): ${advice}.`);
  }
}

/** A hash of the id, which may have any characters and be longer than a file name. */
export function documentFileName(id: string): string {
  return `${sha256(Buffer.from(id))}.json`;
}

export function isDocumentFileName(name: string): boolean {
  return DOCUMENT_NAME.test(name);
}

export function entryOf(
  document: StoredDocument & { readonly _rev: string },
  attachments: Entry['attachments'],
): Entry {
  const { _id: id, _rev: rev, entityType: type, namespace, updated } = document;
  return { id, rev, type, namespace, updated, ...(attachments === undefined ? {} : { attachments }) };
}

/** Names of all attachment files of these entries. */
export function filesOf(entries: Iterable<Entry>): Set<string> {
  const files = new Set<string>();
  for (const { attachments = {} } of entries) for (const { file } of Object.values(attachments)) files.add(file);
  return files;
}

export function encodeDocument(document: StoredDocument, entry: Entry): Buffer {
  const body = Buffer.from(JSON.stringify(document));
  const head: Head = { ...entry, bytes: body.length, sha256: sha256(body) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

/** Reads the head and checks the size of the file. @throws DamagedFileError */
export async function readEntry(path: string): Promise<Entry> {
  const handle = await open(path, 'r');
  try {
    const [head, begins] = await readHead(handle, path);
    const { size } = await handle.stat();
    if (size !== begins + head.bytes) throw new DamagedFileError(path, `it has ${size} bytes`);
    const { id, rev, type, namespace, updated, attachments } = head;
    return { id, rev, type, namespace, updated, ...(attachments === undefined ? {} : { attachments }) };
  } finally {
    await handle.close();
  }
}

/** @throws DamagedFileError */
export async function readDocument(path: string): Promise<StoredDocument> {
  const data = await readFile(path);
  const end = data.indexOf(NEWLINE);
  const head = parseHead(data.subarray(0, Math.max(end, 0)), path);
  const body = data.subarray(end + 1);
  if (sha256(body) !== head.sha256) throw new DamagedFileError(path, 'its checksum is wrong');
  return JSON.parse(body.toString()) as StoredDocument;
}

async function readHead(handle: FileHandle, path: string): Promise<[Head, number]> {
  for (let length = HEAD_BYTES; length <= LONGEST_HEAD_BYTES; length *= 16) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    if (end >= 0) return [parseHead(buffer.subarray(0, end), path), end + 1];
    if (bytesRead < length) break;
  }
  throw new DamagedFileError(path, 'it has no head');
}

function parseHead(line: Buffer, path: string): Head {
  let head: Head;
  try {
    head = JSON.parse(line.toString()) as Head;
  } catch {
    throw new DamagedFileError(path, 'its head cannot be read');
  }
  if (typeof head?.id === 'string' && path.endsWith(documentFileName(head.id))) return head;
  throw new DamagedFileError(path, 'it is of another document');
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
