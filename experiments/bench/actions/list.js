/** Gives back what a LIST port has gathered. */
function main(items) {
  return { items };
}
