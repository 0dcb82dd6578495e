import { type FoundService, serviceAddress } from '../found-service.js';
import { howToGet, SERVICE_VARIABLES, type ServiceName } from '../names.js';
import { needsTitle } from './missing-services.js';

/**
 * A `describe` whose tests need a service, in a file named `*.SERVICE.test.ts`. Without the service one skipped test stands
 * for them, and the run ends with a line that lists the suites that did not run and how to get the service. With `CI=true`
 * that one test fails instead.
 */
export function describeWithService(name: ServiceName, title: string, suite: (service: FoundService) => void): void {
  const address = serviceAddress(name);
  checkFileName(name);
  describe(title, () => {
    if (address !== undefined) suite({ name, address });
    else testMissing(name);
  });
}

/** The commands that run one kind of test choose files by name. */
function checkFileName(name: ServiceName): void {
  const { testPath } = expect.getState();
  if (testPath !== undefined && !testPath.endsWith(`.${name}.test.js`)) {
    throw new Error(`${testPath} has a suite that needs ${name}: name the file *.${name}.test.ts.`);
  }
}

/** Replaces tests that cannot run because a service is missing: skipped, and with `CI=true` a failure. */
export function testMissing(name: ServiceName): void {
  if (process.env['CI'] !== 'true') test.skip(needsTitle(name), () => undefined);
  else {
    test(`has ${name}`, () => {
      throw new Error(`There is no ${name}: run "${howToGet(name)}", or set ${SERVICE_VARIABLES[name]}.`);
    });
  }
}
