import { Counter, type Registry } from 'prom-client';
import { CONTAINER_METRICS } from '@dataflower/common/metrics';
import type { ContainerDriver, ContainerExit, ContainerHandle, StartOptions } from '../containers/drivers/driver.js';

/** How a container ended: stopped by the platform, by itself, or for using too much memory. */
const EXITS = ['stopped', 'died', 'out_of_memory'] as const;
type Exit = (typeof EXITS)[number];

/** Wraps a driver, and counts the containers that it started, could not start, and that ended. */
export function countingDriver(driver: ContainerDriver, registry: Registry): ContainerDriver {
  const registers = [registry];
  const started = new Counter({ ...CONTAINER_METRICS.starts, registers });
  const failed = new Counter({ ...CONTAINER_METRICS.startFailures, registers });
  const ended = new Counter({ ...CONTAINER_METRICS.exits, labelNames: ['reason'], registers });
  for (const reason of EXITS) ended.inc({ reason }, 0);
  const start = async (options: StartOptions): Promise<ContainerHandle> => {
    let handle: ContainerHandle;
    try {
      handle = await driver.start(options);
    } catch (error) {
      failed.inc();
      throw error;
    }
    started.inc();
    let told = false;
    void handle.exited.then((exit) => ended.inc({ reason: reasonOf(exit, told) }));
    const stop = (): void => {
      told = true;
      handle.stop();
    };
    return withMember(handle, 'stop', stop);
  };
  return withMember(driver, 'start', start);
}

/** A proxy of the object with one other member. */
function withMember<T extends object, K extends keyof T & string>(object: T, name: K, member: T[K]): T {
  return new Proxy(object, {
    get: (target, asked) => {
      if (asked === name) return member;
      const value = Reflect.get(target, asked, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function reasonOf({ outOfMemory }: ContainerExit, told: boolean): Exit {
  if (outOfMemory) return 'out_of_memory';
  return told ? 'stopped' : 'died';
}
