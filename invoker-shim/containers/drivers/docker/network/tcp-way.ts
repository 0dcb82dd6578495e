import type { Clock } from '@dataflower/common';
import { TcpGate } from './tcp-gate.js';

/** Where the gate listens when the containers' network is not on this machine. */
const EVERYWHERE = '0.0.0.0';

/** How containers come to their agent's sockets over TCP. */
export class TcpWay {
  readonly #gate: TcpGate;
  readonly #keys = new Map<string, string>();
  #port: Promise<number> | undefined;
  #gateway: string | undefined;

  readonly #agentHost: string | undefined;

  /** @param agentHost The name by which they reach this machine; undefined: its address in their network. */
  constructor(clock: Clock, agentHost: string | undefined) {
    this.#agentHost = agentHost;

    this.#gate = new TcpGate(clock);
  }

  /** Listens on this machine's address in their network; gives the port. */
  listen(gateway: string): Promise<number> {
    this.#gateway = gateway;
    return (this.#port ??= this.#gate.listen(gateway));
  }

  /** The address that the container of this socket is told. Rejects when nobody could reach it. */
  async addressFor(socketPath: string): Promise<string> {
    // Not on this machine's network: it has to be told how this machine is reached.
    const port = await (this.#port ??= this.#gate.listen(EVERYWHERE));
    const host = this.#agentHost ?? this.#gateway;
    if (host === undefined)
      throw new Error(
        'containers of this engine have to be told how they reach this machine: set containers.agentHost',
      );
    const key = this.#gate.admit(socketPath);
    this.#keys.set(socketPath, key);
    return `tcp:${key}@${host}:${port}`;
  }

  dismiss(socketPath: string): void {
    const key = this.#keys.get(socketPath);
    this.#keys.delete(socketPath);
    if (key !== undefined) this.#gate.dismiss(key);
  }

  close(): void {
    this.#gate.close();
  }
}
