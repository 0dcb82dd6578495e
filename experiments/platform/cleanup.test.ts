import { cleanedUp } from './cleanup.js';

describe('what has to be undone', () => {
  it('is undone once, however often it is asked for', async () => {
    let calls = 0;
    const undo = cleanedUp(() => {
      calls++;
      return Promise.resolve();
    });
    await Promise.all([undo(), undo()]);
    await undo();
    expect(calls).toBe(1);
  });

  it('tells every caller that it failed', async () => {
    const undo = cleanedUp(() => Promise.reject(new Error('stuck')));
    await expect(undo()).rejects.toThrow('stuck');
    await expect(undo()).rejects.toThrow('stuck');
  });
});
