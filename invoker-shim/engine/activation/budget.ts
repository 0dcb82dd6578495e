/** Limits of one activation, the workflows inside it included. */
export interface BudgetLimits {
  /** Number of values and counts sent from node to node. */
  readonly tokens: number;
  /** Number of items of scatters, runs of functions, workflows inside. */
  readonly instances: number;
  /** Bytes that the engine itself makes: environments, parameters, constants, and the start of workflows inside. */
  readonly bytes: number;
  /** Bytes of one value that is composed of others. */
  readonly valueBytes: number;
}

/** Defaults of the configuration. */
export const BUDGET_LIMITS: BudgetLimits = {
  tokens: 50_000_000,
  instances: 2_500_000,
  bytes: 1024 * 1024 * 1024,
  valueBytes: 512 * 1024 * 1024,
};

/** Largest number of values in one value: the sink and readers take a step for each, however small it is. */
const MAX_PARTS = 524_288;
/** Largest depth of values inside each other: deeper ones cannot be encoded (PROTOCOL.md of the runtime, "Values"). */
const MAX_DEPTH = 64;

/**
 * The budget of one activation and of all workflows inside it. Counting is a sum and a comparison. The first method that
 * exceeds a limit calls `over`; it and all later calls that exceed one return false.
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

  /** Counts tokens that are about to be sent. */
  tokens(count: number): boolean {
    this.#tokens += count;
    return (
      this.#tokens <= this.#limits.tokens || this.#exceeded(`makes more than ${this.#limits.tokens} tokens`, 'Tokens')
    );
  }

  /** Counts instances that are about to start. */
  instances(count: number): boolean {
    this.#instances += count;
    return (
      this.#instances <= this.#limits.instances ||
      this.#exceeded(`starts more than ${this.#limits.instances} instances`, 'Instances')
    );
  }

  /** Counts bytes that are about to be made. */
  bytes(count: number): boolean {
    this.#bytes += count;
    return (
      this.#bytes <= this.#limits.bytes ||
      this.#exceeded(`takes more than ${this.#limits.bytes} bytes of the engine`, 'Bytes')
    );
  }

  /** Checks a value that is about to be composed. */
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
