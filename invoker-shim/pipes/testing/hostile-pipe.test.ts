import { createDataSink } from '../../sink/index.js';
import { HostilePipe } from './hostile-pipe.js';
import { pipeContract } from './pipe-contract.js';

pipeContract('a slow, full, late and duplicating pipe', (receiver, onError) => {
  const sink = createDataSink({ handoverDir: false });
  let drawn = 1;
  // A linear congruential generator: the same duplicates in every run.
  const draw = (limit: number): number => (drawn = (drawn * 48_271) % 2_147_483_647) % limit;
  const pipe = new HostilePipe(receiver, { highWater: 64, onError }).pace(draw);
  return Promise.resolve({
    pipe,
    senderSink: sink,
    receiverSink: sink,
    settled: () => pipe.settled(),
    dispose: () => sink.close(),
  });
});
