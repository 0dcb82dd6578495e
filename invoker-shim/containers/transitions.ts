/** For each state of a life cycle, the states that may follow it. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/**
 * The one way from a state to the next.
 *
 * @param of The owner of the state, for the message.
 * @returns `to`.
 * @throws Error when the table has no such transition: a defect of this program, never an input's fault.
 */
export function transition<S extends string>(table: Transitions<S>, of: string, from: S, to: S): S {
  if (!table[from].includes(to)) throw new Error(`${of} cannot go from ${from} to ${to}`);
  return to;
}
