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
      'Whether an image that is not on the host is fetched from its registry (`missing`) or the activation fails and says so (`never`). The creators of actions then choose the registries that the host contacts.',
    whenToChange:
      'Activations fail with "Failed to pull container image": fetch it on the host with `docker pull`, or set `missing` together with `containers.images.allowed`.',
  }),
  user: choice('own', ['own', 'image'], {
    about:
      'The user of images that actions name: `own` a user id of its own for each container; `image` the user that the image names, root where it names none. Counts of the kernel by user, such as watches, keys and pending signals, are then shared with other processes of that id, those of the machine included.',
    whenToChange:
      'An image fails with EACCES or "permission denied" because its files belong to its own user: have it make them readable to all, or set `image` together with `containers.images.allowed`.',
  }),
  messageBytes: whole(CONTAINER_DEFAULTS.openWhiskMessageBytes, 1_048_576, 268_435_456, {
    about:
      "Largest input and largest answer of one run in an image that has none of this platform's runtimes, in bytes of JSON.",
    whenToChange:
      'Such a run fails with "larger than its image may be sent" or "exceeded the allowed length": raise it. The server uses too much memory: lower it.',
  }),
});
