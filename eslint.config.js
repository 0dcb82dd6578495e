import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import house from './.ci/house/folder-rule.mjs';

const PRIVATE_MEMBER = {
  selector: ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"])[accessibility="private"]',
  message: 'A private member is written `#name`.',
};
const PRIVATE_PARAMETER = {
  selector: 'TSParameterProperty[accessibility="private"]',
  message: 'A private member is written `#name`, and set in the constructor.',
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/fixtures/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX, house },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: {
      // Without these two the rules of import-x read no TypeScript file, and find nothing.
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        importX.createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      // Circles of types and of folders are found by the tests in test/house.
      'import-x/no-cycle': 'error',
      'house/folders': 'error',
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['@dataflower/*/dist/*', '@dataflower/*/src/*'], message: 'Import a package by its exports.' },
          ],
        },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      // One style of privacy: `#`, which holds at run time too. Constructors have no such form.
      'no-restricted-syntax': ['error', PRIVATE_MEMBER, PRIVATE_PARAMETER],
    },
  },
  {
    // A Clock (common/clock.ts) has two times: `now` for spans, which is never set, and `wall` for dates. Tests and containers may
    // use the system's.
    files: ['common/**/*.ts', 'invoker-shim/**/*.ts', 'plugin/**/*.ts', 'dataflower/**/*.ts', 'composer/**/*.ts'],
    ignores: ['**/*.test.ts', '**/testing/**', 'common/clock.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Use `now` of a Clock for spans, its `wall` for dates.' },
      ],
      'no-restricted-syntax': [
        'error',
        PRIVATE_MEMBER,
        PRIVATE_PARAMETER,
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'Use `wall` of a Clock for dates.',
        },
        {
          selector:
            'BinaryExpression[operator=/^(-|<|>|<=|>=)$/]:matches(:has(> CallExpression.left[callee.property.name="wall"]), :has(> CallExpression.right[callee.property.name="wall"]))',
          message: 'The wall time jumps when it is set: use `now` of a Clock for spans.',
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
