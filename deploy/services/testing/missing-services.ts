import { howToGet, SERVICE_NAMES, SERVICE_VARIABLES, type ServiceName } from '../names.js';

/** The title of the test that stands for those that were not run. The reporter knows them by it. */
export function needsTitle(name: ServiceName): string {
  return `needs the service ${name}`;
}

/** The part of jest's result of a test file that tells what was not run. */
export interface FileResult {
  readonly testResults: readonly {
    readonly status: string;
    readonly title: string;
    readonly ancestorTitles: readonly string[];
  }[];
}

/** One line for each service that was missing: what did not run, and how to get it. */
export function missingServices(files: readonly FileResult[]): string[] {
  const pending = files.flatMap((file) => file.testResults).filter(({ status }) => status === 'pending');
  return SERVICE_NAMES.flatMap((name) => {
    const suites = pending.filter(({ title }) => title === needsTitle(name));
    if (suites.length === 0) return [];
    const titles = [...new Set(suites.map(({ ancestorTitles }) => ancestorTitles.join(' › ')))].join('; ');
    return [`Not run without ${name}: ${titles}. To run it: ${howToGet(name)} (or set ${SERVICE_VARIABLES[name]}).`];
  });
}

/** A reporter for jest that prints those lines when all tests have run. */
export default class MissingServicesReporter {
  onRunComplete(_contexts: unknown, results: { readonly testResults: readonly FileResult[] }): void {
    for (const line of missingServices(results.testResults)) process.stderr.write(`${line}\n`);
  }
}
