import type { Logger } from 'pino';
import { IMAGE_NAME } from '@dataflower/action-runtime/images';
import { isLoopback } from '@dataflower/common/http';
import {
  type ContainerDriver,
  DockerEngine,
  type DockerDriverOptions,
  EngineError,
  GuardError,
  openDockerDriver,
  processDriver,
} from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';
import { StartError } from '../process/start-error.js';

/** The driver that was chosen, and a notice for the operator. */
export interface ChosenDriver {
  /** Undefined: child processes. */
  readonly driver: ContainerDriver | undefined;
  /** A line that tells how functions are isolated. */
  readonly notice: string;
}

const PROCESSES = 'functions run as child processes, without isolation: for development, with code that you trust.';
const OWN_USERS =
  'functions run as child processes with user ids of their own, without a bound on what they use or reach over the network: for development.';

/** Throws `StartError` where other machines would reach an API whose functions are not isolated. */
export function checkProcessesOnLoopback({ server: { host }, containers }: Config): void {
  if (isLoopback(host) || containers.processOffLoopback) return;
  throw new StartError(
    `Functions that are child processes are not isolated: with them the server listens on loopback only, not on ${host}. Set containers.driver to docker, or containers.processOffLoopback to true where everybody who reaches ${host} may do anything on this machine.`,
  );
}

/**
 * The driver that the configuration asks for; `auto` takes the driver that works here, and the notice names it. Rejects with
 * `StartError` when the driver cannot be opened.
 */
export async function chooseDriver(config: Config, log: Logger): Promise<ChosenDriver> {
  const { driver, network, image } = config.containers;
  if (driver === 'process') return childProcesses(config);
  const found = await findImage(config, log);
  if ('missing' in found) {
    if (driver === 'auto') return childProcesses(config, found.missing);
    throw new StartError(`${found.missing}. ${found.todo}, or set containers.driver to process.`);
  }
  const options = (mode: typeof network): DockerDriverOptions => dockerOptions(config, log, mode, found.image);
  try {
    const opened = await openDockerDriver(options(network));
    return { driver: opened, notice: `Functions run in Docker containers of ${image} ${REACH[network]}.` };
  } catch (cause) {
    if (!(cause instanceof GuardError)) throw asStartError(cause);
    if (driver !== 'auto')
      throw new StartError(
        `Functions cannot be kept from this machine's networks: ${cause.message}. Or set containers.network to none.`,
        { cause },
      );
    const opened = await openDockerDriver(options('none')).catch((error: unknown) => {
      throw asStartError(error);
    });
    const notice = `Functions run in Docker containers of ${image} without a network, because ${cause.message}.`;
    return { driver: opened, notice };
  }
}

/** @param why The reason why Docker is not used, for `auto`. */
function childProcesses(config: Config, why?: string): ChosenDriver {
  try {
    checkProcessesOnLoopback(config);
  } catch (cause) {
    if (why === undefined || !(cause instanceof StartError)) throw cause;
    throw new StartError(`${why}. ${cause.message}`, { cause });
  }
  const said = (text: string): string => (why === undefined ? capitalized(text) : `${why}: ${text}`);
  if (config.containers.processUser === 'agent') {
    const asRoot =
      process.getuid?.() === 0 ? ' They are root as the server is, unless containers.processUser is own.' : '';
    return { driver: undefined, notice: said(PROCESSES) + asRoot };
  }
  const driver = processDriver(true);
  const without = driver.withoutOwnUsers;
  if (without === undefined) return { driver, notice: said(OWN_USERS) };
  throw new StartError(`${capitalized(without)}: set containers.processUser to agent, or change that.`);
}

const REACH = {
  outbound: 'that reach the public Internet alone',
  none: 'without a network',
  open: 'that reach whatever the engine’s machine reaches: for development, with code that you trust',
} as const;

/** The reason why there is no image, and what to do about it. */
interface NoImage {
  readonly missing: string;
  readonly todo: string;
}

/**
 * The image of the runtime, or why there is none. The default image is made from the installed runtime when the engine has
 * another version, so that after an upgrade no container runs the old runtime.
 */
async function findImage({ containers }: Config, log: Logger): Promise<{ image: string } | NoImage> {
  const { image, dockerHost } = containers;
  const engine = new DockerEngine(dockerHost);
  try {
    const there = (await engine.image(image)) !== undefined;
    if (image !== IMAGE_NAME) {
      return there
        ? { image }
        : {
            missing: `The Docker engine has no image ${image}`,
            todo: 'Bring it there with docker pull or docker build',
          };
    }
    try {
      return { image: await engine.ensureRuntimeImage((step) => log.info({ image }, `making the image: ${step}`)) };
    } catch (err) {
      log.warn({ err, image }, 'the image of the runtime cannot be made');
      return there
        ? { image }
        : {
            missing: `The Docker engine has no image ${image}, and it cannot be made here (\`npm run images\` says why)`,
            todo: 'Make it',
          };
    }
  } catch (error) {
    if (!EngineError.is(error)) throw error;
    return { missing: capitalized(error.message), todo: 'Start it, or name another with containers.dockerHost' };
  } finally {
    engine.close();
  }
}

function dockerOptions(
  { containers, dataDir }: Config,
  log: Logger,
  mode: Config['containers']['network'],
  image: string,
): DockerDriverOptions {
  const { dockerHost, refusedRanges, dns, transport, agentHost, tmpfsMiB, pids, openFiles, cpuPercent } = containers;
  return {
    ...(dockerHost === undefined ? {} : { dockerHost }),
    images: { default: image },
    transport,
    ...(agentHost === undefined ? {} : { agentHost }),
    pull: containers.images.pull,
    imageUser: containers.images.user,
    network: { mode, refused: refusedRanges, dns: dns.length === 0 ? undefined : dns },
    limits: { tmpfsMiB, pids, openFiles, cpuPercent },
    dataDir,
    logger: log.child({ component: 'docker' }),
  };
}

function asStartError(cause: unknown): unknown {
  return EngineError.is(cause) ? new StartError(`${capitalized(cause.message)}.`, { cause }) : cause;
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
