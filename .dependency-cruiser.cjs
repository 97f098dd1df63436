/**
 * Imports point one way (docs: ARCHITECTURE.md). `test/import-rules.test.ts` plants one violation per rule and expects it found.
 * Tests and benches may import anything: they prove rooms together.
 */
const test = '\\.(test|contract|data\\.test|e2e\\.test)\\.ts$'
const rooms = 'ingest|processors|query-api'
const from = (path, extra = {}) => ({ path, pathNot: test, ...extra })

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'schemas-import-nothing', severity: 'error', from: from('^schemas/'), to: { pathNot: '^schemas/' } },
    { name: 'model-imports-schemas-only', severity: 'error', from: from('^model/'), to: { pathNot: '^(model|schemas)/' } },
    {
      name: 'domain-is-pure',
      comment: 'Deciders and parsers know no I/O: neither node:* nor npm, only model, schemas and their own domain.',
      severity: 'error',
      from: from(`^(${rooms})/domain/`),
      to: { pathNot: '^(model|schemas|(ingest|processors|query-api)/domain)/' },
    },
    {
      name: 'services-never-import-each-other',
      severity: 'error',
      from: from(`^(${rooms})/`),
      to: { path: `^(${rooms})/`, pathNot: '^$1/' },
    },
    {
      name: 'services-import-no-outer-room',
      severity: 'error',
      from: from(`^(${rooms})/`),
      to: { path: '^(app|agent|bench|test)/' },
    },
    {
      name: 'service-files-reach-adapters-through-main',
      comment: 'Ports are passed in; only a service main may name adapters and runtime. runtime/errors and the pure runtime/loopback are for all.',
      severity: 'error',
      from: from(`^(${rooms})/`, { pathNot: `(${test})|^(${rooms})/main\\.ts$` }),
      to: { path: '^(adapters|runtime)/', pathNot: '^runtime/(errors|loopback)\\.ts$' },
    },
    { name: 'adapters-import-inwards', severity: 'error', from: from('^adapters/'), to: { path: '^(ingest|processors|query-api|app|agent|bench|test)/' } },
    { name: 'runtime-knows-no-domain', severity: 'error', from: from('^runtime/'), to: { path: '^(model|schemas|ingest|processors|query-api|adapters|app|agent|bench|test)/' } },
    {
      name: 'io-packages-in-adapters-only',
      severity: 'error',
      from: from('^(schemas|model|ingest|processors|query-api|runtime|app)/'),
      to: { path: '(^|/)node_modules/(mqtt|aedes|lmdb|avsc|@clickhouse|chdb|ws|kafkajs|@platformatic)/|^(node:)?(fs|fs/promises|net|tls|child_process)$' },
    },
    { name: 'agent-stands-alone', severity: 'error', from: from('^agent/'), to: { path: '^(ingest|processors|query-api|app|adapters)/' } },
    { name: 'only-app-starts-the-agent-room', severity: 'error', from: from('^(schemas|model|ingest|processors|query-api|runtime|app|adapters)/'), to: { path: '^agent/' } },
    { name: 'no-production-use-of-dev-packages', severity: 'error', from: from('^(schemas|model|ingest|processors|query-api|runtime|app|adapters|agent)/'), to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|data|coverage|query-api/page)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
