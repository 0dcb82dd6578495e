import { primitives, type Combinator } from './combinator.js';
import { combinatorOf, type Composition, emptyCombinator, inlineFunction } from './composition.js';

const sequence = combinatorOf('sequence', primitives.sequence);
const letIn = combinatorOf('let', primitives.let);
const mask = combinatorOf('mask', primitives.mask);
const finallyDo = combinatorOf('finally', primitives.finally);
const ifNoSave = combinatorOf('if_nosave', primitives.if_nosave);
const parallel = combinatorOf('parallel', primitives.parallel);

const seq: Combinator = { components: true, def: sequence };
const seqOf = combinatorOf('seq', seq);

// The code of these functions is part of Composer's JSON form and must match it to the space.
const save = (): Composition => inlineFunction('args => { params = args }');
const load = (): Composition => inlineFunction('() => params');
const both = (): Composition => inlineFunction('result => ({ params, result })');
const constant = (): Composition => inlineFunction('() => value');

const literal: Combinator = {
  args: [{ name: 'value', type: 'value' }],
  def: (value: unknown) => letIn({ value }, constant()),
};

/** The combinators with a lowering to primitive ones. Composer's rules of lowering. */
export const derived = {
  empty: emptyCombinator,
  seq,
  if: {
    args: [{ name: 'test' }, { name: 'consequent' }, { name: 'alternate', optional: true }],
    def: (test: Composition, consequent: Composition, alternate: Composition) =>
      letIn(
        { params: null },
        finallyDo(
          save(),
          ifNoSave(mask(test), finallyDo(load(), mask(consequent)), finallyDo(load(), mask(alternate))),
        ),
      ),
  },
  retain: {
    components: true,
    def: (...components: Composition[]) =>
      letIn({ params: null }, finallyDo(save(), seqOf(mask(...components), both()))),
  },
  value: literal,
  literal,
  par: { components: true, def: parallel },
} as const satisfies Readonly<Record<string, Combinator>>;
