/** Keeps the variables that OpenWhisk sets for each activation; only what changed is written. */
export class RunEnvironment {
  #transactionId: string | undefined;

  set(activationId: string, deadline: number, transactionId: string): void {
    process.env['__OW_ACTIVATION_ID'] = activationId;
    process.env['__OW_DEADLINE'] = String(deadline);
    if (transactionId === this.#transactionId) return;
    this.#transactionId = transactionId;
    process.env['__OW_TRANSACTION_ID'] = transactionId;
  }
}
