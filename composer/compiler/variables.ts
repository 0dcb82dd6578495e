import { Script } from 'node:vm';

const TAKEN = new Set(['arguments', 'eval', 'require']);

/**
 * True when a variable of this name can be there without harm to a function that does not use it. Composer declares
 * every visible variable around every function, its own ones too: a reserved word makes all of them fail.
 */
export function isHarmless(name: string): boolean {
  if (TAKEN.has(name) || !/^[A-Za-z_$][\w$]*$/.test(name)) return false;
  try {
    new Script(`(function(){var ${name}=0})`);
    return true;
  } catch {
    return false;
  }
}
