import { inspect } from 'node:util';

type Variables = Record<string, string | undefined>;

/**
 * The variables that OpenWhisk sets for each activation. The C library never frees an old value of a variable, some 200 bytes
 * a run. So the variables are written into the process's environment only when all of it is read, as the start of a child
 * does; a read by name is answered without that.
 */
export class RunEnvironment {
  readonly #real = process.env;
  readonly #current: Variables = Object.create(null) as Variables;
  /** True while the process's environment has the variables of an earlier run. */
  #stale = false;

  constructor() {
    const real = this.#real;
    const whole = (): Variables => {
      if (this.#stale) this.#write();
      return real;
    };
    // `inspect` shows the target of a proxy.
    const shown = { [inspect.custom]: () => ({ ...whole() }) };
    process.env = new Proxy(shown, {
      get: (_, name) => (this.#stale && name in this.#current ? this.#current[name as string] : real[name as string]),
      set: (_, name, value: string) => {
        whole()[name as string] = value;
        return true;
      },
      has: (_, name) => name in whole(),
      deleteProperty: (_, name) => delete whole()[name as string],
      defineProperty: (_, name, descriptor) => Reflect.defineProperty(whole(), name, descriptor),
      ownKeys: () => Reflect.ownKeys(whole()),
      getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(whole(), name),
    });
  }

  set(activationId: string, deadline: number, transactionId: string): void {
    this.#current['__OW_ACTIVATION_ID'] = activationId;
    this.#current['__OW_DEADLINE'] = String(deadline);
    this.#current['__OW_TRANSACTION_ID'] = transactionId;
    this.#stale = true;
  }

  #write(): void {
    this.#stale = false;
    Object.assign(this.#real, this.#current);
  }
}
