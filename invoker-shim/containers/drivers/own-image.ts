const OWN = /^(?:docker\.io\/)?dataflower\/action-nodejs(?::[\w][\w.-]*)?(?:@[\w+.:-]+)?$/;

/** True for the name of this project's own image: what it runs is what the kind `nodejs:20` runs. */
export function isOwnImage(image: string): boolean {
  return OWN.test(image);
}
