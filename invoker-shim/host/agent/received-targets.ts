import type { FunctionTarget, WorkflowTarget } from '../host.js';
import { HostLinkError } from '../wire/errors.js';

type Target = FunctionTarget | WorkflowTarget;

/** Most bytes of one target: several times what a workflow's definitions may have as characters. */
const MAX_BYTES = 512 * 1024 * 1024;

/** The other end of `SentTargets`: what a host knows of one connection. */
export class ReceivedTargets {
  readonly #known = new Map<number, Target>();
  /** Of the one that is coming. */
  #parts: Buffer[] = [];
  #bytes = 0;

  readonly #read: (text: string) => Target;

  constructor(read: (text: string) => Target) {
    this.#read = read;
  }

  get(number: number): Target | undefined {
    return this.#known.get(number);
  }

  /** TARGET, its parts one after the other. The bytes are copied when more of them follow. */
  add(head: string, body: Buffer): void {
    const [number, more] = JSON.parse(head) as [number, 0 | 1];
    this.#bytes += body.length;
    if (this.#bytes > MAX_BYTES) throw new HostLinkError('PROTOCOL', `a target of more than ${MAX_BYTES} bytes`);
    this.#parts.push(more === 1 ? Buffer.from(body) : body);
    if (more === 1) return;
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#bytes = 0;
    this.#known.set(number, this.#read(text));
  }

  forget(number: number): void {
    this.#known.delete(number);
  }
}
