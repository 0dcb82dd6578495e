import { type FoundService, serviceAddress } from '../found-service.js';
import { howToGet, SERVICE_VARIABLES, type ServiceName } from '../names.js';
import { needsTitle } from './missing-services.js';

/**
 * A `describe` whose tests need a service. Without it they are not run: one skipped test stands for them, and the run
 * ends with one line that says which suites did not run and how to get the service. With `CI=true` it fails instead.
 */
export function describeWithService(name: ServiceName, title: string, suite: (service: FoundService) => void): void {
  const address = serviceAddress(name);
  describe(title, () => {
    if (address !== undefined) suite({ name, address });
    else testMissing(name);
  });
}

/** Stands for tests that cannot run for want of a service: skipped, and with `CI=true` a failure. */
export function testMissing(name: ServiceName): void {
  if (process.env['CI'] !== 'true') test.skip(needsTitle(name), () => undefined);
  else {
    test(`has ${name}`, () => {
      throw new Error(`There is no ${name}: run "${howToGet(name)}", or set ${SERVICE_VARIABLES[name]}.`);
    });
  }
}
