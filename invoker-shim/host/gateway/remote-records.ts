import type { ActivationRecord, RecordFilter, RecordReader } from '@dataflower/common/records';
import { decodeFrame } from '@dataflower/common/records';

type Ask = (method: 'records' | 'count', params: unknown) => Promise<unknown>;

/** The records of a host in another process; rejects when it cannot be asked. */
export class RemoteRecords implements RecordReader {
  readonly #ask: Ask;

  constructor(
    readonly place: string,
    ask: Ask,
  ) {
    this.#ask = ask;
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    const [frame] = (await this.#ask('records', { get: activationId, namespace })) as Buffer[];
    return frame === undefined ? undefined : decodeFrame(frame);
  }

  async list(filter: RecordFilter, skip: number, limit: number, brief = false): Promise<ActivationRecord[]> {
    const frames = (await this.#ask('records', { filter, skip, limit, brief })) as Buffer[];
    return frames.map((frame) => decodeFrame(frame));
  }

  async count(filter: RecordFilter, skip: number): Promise<number> {
    return (await this.#ask('count', { filter, skip })) as number;
  }
}
