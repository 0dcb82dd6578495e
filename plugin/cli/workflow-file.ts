export function readWorkflow(_f: string): any { return {}; }
