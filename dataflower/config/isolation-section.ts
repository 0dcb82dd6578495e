import { choice, flag, optionalText, optionalWhole, text, texts, whole } from './keys.js';

/** Keys of `containers` for how containers are made and isolated. */
export const isolation = {
  driver: choice('auto', ['auto', 'docker', 'process'], {
    about:
      'Kind of container: `docker` on a Docker engine, `process` a child process without isolation, `auto` Docker when an engine answers and has the image or takes it, else child processes.',
    whenToChange: 'Start says "child processes, without isolation" although Docker is there: `docker` says why.',
  }),
  processUser: choice('agent', ['agent', 'own'], {
    about:
      'As whom child processes run: `agent` as the user of the server, with all that it may read; `own` as a user id that nobody else has, for each container, which needs root. They then reach neither the data directory and the keys in it, nor the environment and memory of the server, nor each other; large values travel as streams.',
    whenToChange:
      'Code that you do not trust wholly has to run without Docker: `own`. Start fails with "cannot read": install Node.js and this project where every user can read them.',
  }),
  processOffLoopback: flag(false, {
    about:
      'Lets containers be child processes although `server.host` is an address that other machines reach. Whoever has a key then runs code on this machine without isolation.',
    whenToChange:
      'Start is refused with "child processes … loopback": use Docker. Set it only where everybody who reaches the API may do anything on this machine.',
  }),
  dockerHost: optionalText('what `DOCKER_HOST` says, else the system’s socket', {
    about: 'Address of the Docker engine: `unix:///path` or `tcp://host:port`.',
    whenToChange: 'Start fails with "no Docker engine answers": set where it is.',
  }),
  image: text('dataflower/action-nodejs', {
    about:
      'Image that runs the actions. This one is made from what is installed here when the engine has not got it (`npm run images`); any other has to be there: nothing is pulled.',
    whenToChange: 'The image has another name or tag here: set it.',
  }),
  network: choice('outbound', ['outbound', 'none', 'open'], {
    about:
      'Network that functions in Docker may reach: `outbound` the public Internet, but not this machine, private addresses or each other; `none` nothing; `open` whatever the engine’s machine reaches, without a filter, for an engine in a virtual machine. The API is reached in both when the action has `provide-api-key`.',
    whenToChange:
      'Start fails because packet filters cannot be set: run as root with nftables installed, or set `none`.',
  }),
  refusedRanges: texts({
    about: 'IPv4 ranges that functions may not reach, beside all private ones, such as `203.0.113.0/24`.',
    whenToChange: 'Machines of yours have public addresses that functions must not reach: add their ranges.',
  }),
  dns: texts({
    about: 'IPv4 addresses of the resolvers for functions; none: those of this machine.',
    whenToChange: 'Functions may not ask your internal resolvers: name public ones.',
  }),
  transport: choice('auto', ['auto', 'socket', 'tcp'], {
    about:
      'How a container in Docker reaches its agent: `socket` a unix socket that only it sees, `tcp` a port; `auto` the socket, but TCP for an engine on another (virtual) machine.',
    whenToChange: 'Containers "said no hello in time" because the engine cannot mount sockets of this machine: `tcp`.',
  }),
  agentHost: optionalText('this machine’s address on the containers’ network', {
    about: 'Name or address by which containers reach the agent when the transport is TCP.',
    whenToChange:
      'The engine runs elsewhere: set how this machine is reached from there, such as `host.docker.internal`.',
  }),
  tmpfsMiB: whole(128, 1, 1_048_576, {
    about:
      "Size of a container's /tmp, in MiB, at most half of the action's memory, which it counts against; as much again for unpacked code.",
    whenToChange: 'Functions fail with ENOSPC: raise it, and the memory of the action.',
  }),
  pids: whole(256, 32, 100_000, {
    about: 'Most processes and threads in one container.',
    whenToChange: 'Functions fail with EAGAIN when they start processes: raise it.',
  }),
  openFiles: whole(1024, 64, 1_048_576, {
    about: 'Most open files of a process in a container.',
    whenToChange: 'Functions fail with EMFILE: raise it.',
  }),
  cpuPercent: optionalWhole('as many cores as are free', 1, 100_000, {
    about: 'Most of one core that a container may use, in percent; 200 are two cores.',
    whenToChange: 'One function takes all cores: set it. Beside it, containers share cores by their memory.',
  }),
};
