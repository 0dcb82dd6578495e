/** The error of a node that would start more instances by one FOREACH port than the limit allows. */
export function tooManyInstances(node: string, count: number, limit: number): string {
  return `The node "${node}" would start ${count} instances, the limit is ${limit}.`;
}
