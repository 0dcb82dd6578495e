/** What one activation may make of the engine, the workflows inside it included. */
export interface BudgetLimits {
  /** Values and counts on their way from node to node. */
  readonly tokens: number;
  /** Items of scatters, runs of functions, workflows inside. */
  readonly instances: number;
  /** Bytes that the engine itself makes: of environments, parameters, constants, and what a workflow inside takes to begin with. */
  readonly bytes: number;
  /** Bytes of one value that is put together of others. */
  readonly valueBytes: number;
}

/** Defaults of the configuration. */
export const BUDGET_LIMITS: BudgetLimits = {
  tokens: 50_000_000,
  instances: 2_500_000,
  bytes: 1024 * 1024 * 1024,
  valueBytes: 512 * 1024 * 1024,
};

/** Values in one value, at most: each takes a step of whoever waits with the whole or reads it, however small it is. */
const MAX_PARTS = 524_288;
/** Values inside each other, at most: deeper ones cannot be encoded (the protocol's document, "Values"). */
const MAX_DEPTH = 64;

/**
 * The budget of one activation and of all workflows inside it. Counting is a sum and a comparison. When it is exceeded
 * `over` is called once, and from then on every question is answered with false.
 */
export class Budget {
  #tokens = 0;
  #instances = 0;
  #bytes = 0;
  #isOver = false;

  readonly #limits: BudgetLimits;
  /** Ends the activation, with this text for its user. */
  readonly #over: (text: string) => void;

  constructor(limits: BudgetLimits, over: (text: string) => void) {
    this.#limits = limits;
    this.#over = over;
  }

  /** So many tokens more. */
  tokens(count: number): boolean {
    this.#tokens += count;
    return (
      this.#tokens <= this.#limits.tokens || this.#exceeded(`makes more than ${this.#limits.tokens} tokens`, 'Tokens')
    );
  }

  /** So many instances are about to start. */
  instances(count: number): boolean {
    this.#instances += count;
    return (
      this.#instances <= this.#limits.instances ||
      this.#exceeded(`starts more than ${this.#limits.instances} instances`, 'Instances')
    );
  }

  /** So many bytes are about to be made. */
  bytes(count: number): boolean {
    this.#bytes += count;
    return (
      this.#bytes <= this.#limits.bytes ||
      this.#exceeded(`takes more than ${this.#limits.bytes} bytes of the engine`, 'Bytes')
    );
  }

  /** A value of so many bytes and parts, nested so deep, is about to be put together. */
  value(bytes: number, parts: number, depth: number): boolean {
    const { valueBytes } = this.#limits;
    if (bytes > valueBytes) {
      return this.#exceeded(`puts together a value of ${bytes} bytes, the limit is ${valueBytes}`, 'ValueBytes');
    }
    if (parts > MAX_PARTS) {
      return this.#exceeded(`puts together a value of ${parts} others, the limit is ${MAX_PARTS}`, undefined);
    }
    if (depth <= MAX_DEPTH) return true;
    return this.#exceeded(`puts together values inside each other deeper than ${MAX_DEPTH}`, undefined);
  }

  #exceeded(what: string, key: string | undefined): false {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#over(`The workflow ${what}${key === undefined ? '' : ` (limits.workflow${key})`}.`);
    return false;
  }
}
