/** Each import rule is planted once in a tree of its own and must be found there; the real tree must be clean. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const project = resolve(import.meta.dirname, '..')
const rooms = ['schemas', 'model', 'ingest', 'processors', 'query-api', 'adapters', 'runtime', 'app', 'agent']

type Violation = { rule: { name: string }; from: string }

const cruise = async (folder: string): Promise<Violation[]> => {
  const cli = join(project, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const cruised = run(process.execPath, [cli, '--config', join(project, '.dependency-cruiser.cjs'), '--output-type', 'json', ...rooms], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => error as { stdout: string }) // Found violations are its exit code.
  const { stdout } = await cruised
  return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations
}

const planted: [rule: string, file: string, imports: string][] = [
  ['no-cycles', 'model/a.ts', './b.ts'],
  ['schemas-import-nothing', 'schemas/x.ts', '../model/word.ts'],
  ['model-imports-schemas-only', 'model/x.ts', '../runtime/errors.ts'],
  ['domain-is-pure', 'ingest/domain/x.ts', 'node:crypto'],
  ['domain-is-pure', 'processors/domain/y.ts', 'pino'],
  ['services-never-import-each-other', 'query-api/x.ts', '../ingest/accept.ts'],
  ['services-import-no-outer-room', 'ingest/x.ts', '../app/main.ts'],
  ['service-files-reach-adapters-through-main', 'ingest/y.ts', '../adapters/log.ts'],
  ['adapters-import-inwards', 'adapters/x.ts', '../ingest/accept.ts'],
  ['runtime-knows-no-domain', 'runtime/x.ts', '../model/word.ts'],
  ['io-packages-in-adapters-only', 'app/x.ts', 'lmdb'],
  ['io-packages-in-adapters-only', 'query-api/y.ts', 'node:fs'],
  ['agent-stands-alone', 'agent/x.ts', '../adapters/log.ts'],
  ['only-app-starts-the-agent-room', 'adapters/y.ts', '../agent/main.ts'],
  ['no-production-use-of-dev-packages', 'app/y.ts', 'fast-check'],
]
const allowed: [file: string, imports: string][] = [
  ['ingest/main.ts', '../adapters/log.ts'],
  ['ingest/accept.ts', '../runtime/errors.ts'],
  ['ingest/domain/parse.ts', '../../model/word.ts'],
  ['adapters/log.ts', 'lmdb'],
  ['app/main.ts', '../ingest/main.ts'],
]

describe('the import rules', () => {
  let folder = ''
  let violations: Violation[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'import-rules-'))
    await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
    await symlink(join(project, 'package.json'), join(folder, 'package.json'))
    await symlink(join(project, 'tsconfig.json'), join(folder, 'tsconfig.json'))
    const files = new Map<string, string>([
      ['model/word.ts', 'export const word = 1\n'],
      ['runtime/errors.ts', 'export const errors = 1\n'],
      ['agent/main.ts', 'export const agent = 1\n'],
      ['model/b.ts', "import './a.ts'\n"], // The other half of the cycle.
      ...[...planted.map(([, file, imports]) => [file, imports] as const), ...allowed].map(([file, imports]): [string, string] => [
        file,
        `import '${imports}'\n`,
      ]),
    ])
    for (const [file, text] of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), text)
    }
    await mkdir(join(folder, 'schemas'), { recursive: true })
    violations = await cruise(folder)
  }, 60_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each(planted)('%s is found in %s', (rule, file) => {
    expect(violations.filter((violation) => violation.from === file).map((violation) => violation.rule.name)).toContain(rule)
  })

  it.each(allowed)('allows %s to import %s', (file) => {
    expect(violations.filter((violation) => violation.from === file)).toEqual([])
  })

  it('finds none in this project', async () => {
    expect(await cruise(project)).toEqual([])
  }, 60_000)
})
