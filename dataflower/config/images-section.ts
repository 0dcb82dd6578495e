import { CONTAINER_DEFAULTS } from '@dataflower/invoker-shim/defaults';
import { choice, section, texts, whole } from './keys.js';

/** Images that actions name themselves (`--docker`, `--native`). */
export const images = section({
  allowed: texts({
    about:
      'Images that actions may name: `team/name` for one, `registry.example.org/team/` for all whose name begins so. Empty: any. The images of this platform are always allowed.',
    whenToChange:
      'Several people may create actions: name what they may run. A create is refused with 403 "not among those": add its image.',
  }),
  pull: choice('never', ['never', 'missing'], {
    about:
      'Whether an image that is not on the host is fetched from its registry (`missing`) or the activation fails and says so (`never`). Whoever may create actions chooses the registry that the host then contacts.',
    whenToChange:
      'Activations fail with "Failed to pull container image": fetch it on the host with `docker pull`, or set `missing` together with `containers.images.allowed`.',
  }),
  user: choice('own', ['own', 'image'], {
    about:
      'As whom images run that actions name: `own` a user id that nobody else has, for each container; `image` the user that the image names, root where it names none. What the kernel counts by user, such as watches, keys and pending signals, is then shared with others of that id, those of the machine included.',
    whenToChange:
      'An image fails with EACCES or "permission denied" because its files belong to its own user: have it make them readable to all, or set `image` together with `containers.images.allowed`.',
  }),
  messageBytes: whole(CONTAINER_DEFAULTS.foreignMessageBytes, 1_048_576, 268_435_456, {
    about:
      "Largest input and largest answer of one run in an image that has none of this platform's runtimes, in bytes of JSON.",
    whenToChange:
      'Such a run fails with "larger than its image may be sent" or "exceeded the allowed length": raise it. The server uses too much memory: lower it.',
  }),
});
