import { CloseStack, openAll } from './close-stack.js';

let closed: string[];
beforeEach(() => (closed = []));

/** A part that tells that it was closed. */
function add(stack: CloseStack, name: string, closesAfter?: string): void {
  stack.use(name, (part, drainMs) => closed.push(`${part} ${drainMs}`), closesAfter);
}

function fail(stack: CloseStack, name: string): void {
  stack.use(name, () => Promise.reject(new Error(`${name} cannot be closed`)));
}

test('closes once, the last part first', async () => {
  const stack = new CloseStack();
  for (const name of ['a', 'b', 'c']) add(stack, name);
  stack.defer(() => closed.push('step'));
  await Promise.all([stack.close(5), stack.close(7)]);
  expect(closed).toEqual(['step', 'c 5', 'b 5', 'a 5']);
});

test('a part may be closed after one that is older', async () => {
  const stack = new CloseStack();
  for (const name of ['a', 'b', 'c']) add(stack, name);
  add(stack, 'after b', 'b');
  await stack.close(0);
  expect(closed).toEqual(['c 0', 'b 0', 'after b 0', 'a 0']);
});

test('waits for each part before it closes the next', async () => {
  const stack = new CloseStack();
  add(stack, 'a');
  stack.use('slow', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    closed.push('slow');
  });
  await stack.close(0);
  expect(closed).toEqual(['slow', 'a 0']);
});

test('a part that cannot be closed leaves no other open, and its error is told as it is', async () => {
  const stack = new CloseStack();
  add(stack, 'a');
  fail(stack, 'b');
  add(stack, 'c');
  await expect(stack.close(0)).rejects.toThrow(new Error('b cannot be closed'));
  expect(closed).toEqual(['c 0', 'a 0']);
});

test('the errors of several parts are told together', async () => {
  const stack = new CloseStack();
  for (const name of ['a', 'b']) fail(stack, name);
  const error = await stack.close(0).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AggregateError);
  expect((error as AggregateError).errors).toEqual([new Error('b cannot be closed'), new Error('a cannot be closed')]);
});

test('what was opened before a failure is closed, and the failure is what the caller hears', async () => {
  const heard: unknown[] = [];
  const opening = openAll(
    (stack) => {
      add(stack, 'a');
      fail(stack, 'b');
      throw new Error('cannot be opened');
    },
    (error) => heard.push(error),
  );
  await expect(opening).rejects.toThrow('cannot be opened');
  expect(closed).toEqual(['a 0']);
  expect(heard).toEqual([new Error('b cannot be closed')]);
});

test('what was opened stays open', async () => {
  const stack = await openAll(
    (parts) => {
      add(parts, 'a');
      return Promise.resolve(parts);
    },
    () => undefined,
  );
  expect(closed).toEqual([]);
  await stack.close(3);
  expect(closed).toEqual(['a 3']);
});
