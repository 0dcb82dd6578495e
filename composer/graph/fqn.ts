/**
 * The fully qualified form of an action's name: `foo` → `/_/foo`, `p/foo` → `/_/p/foo`, `ns/p/foo` → `/ns/p/foo`;
 * a name that begins with a slash stays. `_` is the namespace of who invokes. Composer's rules of names.
 * Throws `Name must be a string` or `Name is not valid`.
 */
export function fqn(name: unknown): string {
  if (typeof name !== 'string') throw new Error('Name must be a string');
  const trimmed = name.trim();
  if (trimmed.length === 0) throw new Error('Name is not valid');
  const parts = trimmed.split('/');
  const slash = trimmed.startsWith('/');
  const count = parts.length;
  if (count > 4 || (slash ? count === 2 : count === 4)) throw new Error('Name is not valid');
  if (parts.some((part, i) => i > 0 && part.trim().length === 0)) throw new Error('Name is not valid');
  // In the path of a URL these lead to another resource.
  if (parts.some((part) => /^\s*\.{1,2}\s*$/.test(part))) throw new Error('Name is not valid');
  if (slash) return trimmed;
  return count < 3 ? `/_/${trimmed}` : `/${trimmed}`;
}
