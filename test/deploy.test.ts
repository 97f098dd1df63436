/** The files of `deploy/` and `compose.yaml` speak of settings, files and commands that exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { isProgramName } from '../app/programs.ts'
import { configSchema, loadConfig } from '../runtime/config.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8')
const settings = new Set(Object.keys(configSchema.properties))
/** Of Node and of the C library; none of ours. */
const others = new Set(['NODE_ENV', 'MALLOC_ARENA_MAX'])

type Service = {
  build?: string
  command?: string[]
  environment?: Record<string, string>
  secrets?: string[]
  volumes?: string[]
  ports?: string[]
}
type Compose = { services: Record<string, Service>; volumes: Record<string, unknown>; secrets: Record<string, { file: string }> }
const compose = parse(read('compose.yaml'), { merge: true }) as Compose
const ours = Object.entries(compose.services).filter(([, { build }]) => build !== undefined)

const valid = (environment: Record<string, string>): unknown => loadConfig(() => '', environment)

describe('compose.yaml', () => {
  it('starts each of the programs', () => {
    expect(ours.map(([name, { command }]) => [name, command])).toEqual([
      ['ingest', ['app/program-main.ts', 'ingest']],
      ['processors', ['app/program-main.ts', 'processors']],
      ['query-api', ['app/program-main.ts', 'query-api']],
    ])
  })

  it.each(ours)('gives %s settings that exist and are valid together', (_name, { environment = {} }) => {
    expect(Object.keys(environment).filter((name) => !settings.has(name))).toEqual([])
    expect(() => valid(environment)).not.toThrow()
  })

  it('names only secrets that it mounts, and no password in clear', () => {
    for (const [, { environment = {}, secrets = [] }] of ours) {
      const mounted = Object.values(environment).flatMap((value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [])
      expect(secrets).toEqual(expect.arrayContaining(mounted))
    }
    for (const { environment = {} } of Object.values(compose.services)) {
      expect(Object.keys(environment).filter((name) => /(PASSWORD|TOKEN|KEY)$/.test(name))).toEqual([])
    }
  })

  it('makes every secret with the one command that it names', () => {
    const script = read('deploy/make-secrets.sh')
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(file).toBe(`./secrets/${name}`)
      expect(script).toContain(name)
    }
    expect(read('.gitignore')).toContain('/secrets/')
  })

  it('keeps what is kept in named volumes, and shows only the API and MQTT outside', () => {
    const mounts = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes.map((mount) => mount.split(':')[0] ?? ''))
    expect(mounts.filter((source) => !source.startsWith('./')).sort()).toEqual(Object.keys(compose.volumes).sort())
    for (const source of mounts.filter((mount) => mount.startsWith('./'))) expect(existsSync(`${root}${source}`)).toBe(true)
    expect(Object.values(compose.services).flatMap(({ ports = [] }) => ports)).toEqual(['1883:1883', '127.0.0.1:8080:8080'])
  })
})

describe('the image', () => {
  it('copies what exists, and every folder that a program imports', () => {
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))
    for (const name of copied) expect(existsSync(`${root}${name}`), name).toBe(true)
    // Read at the start, not imported: rules that alarms are judged by, pages at /docs.
    for (const name of ['rules', 'docs']) expect(copied).toContain(name)
    const ignored = read('.dockerignore')
    for (const name of copied) expect(ignored).toContain(`!${name}`)
  })
})

describe('deploy/kubernetes', () => {
  type Container = { args: string[]; env?: { name: string }[] }
  type Manifest = { kind: string; data?: Record<string, string>; spec?: { template?: { spec: { containers: Container[] } } } }
  const manifests = parseAllDocuments(read('deploy/kubernetes/fleet-recorder.yaml')).map((document) => document.toJS() as Manifest)
  const containers = manifests.flatMap(({ spec }) => spec?.template?.spec.containers ?? [])

  it('gives settings that exist and are valid together, and starts programs that exist', () => {
    const data = manifests.find(({ kind }) => kind === 'ConfigMap')?.data ?? {}
    expect(Object.keys(data).filter((name) => !settings.has(name))).toEqual([])
    expect(() => valid(data)).not.toThrow()
    expect(containers.map(({ args }) => args[1]).filter((name) => !isProgramName(name))).toEqual([])
    expect(containers).toHaveLength(3)
    for (const { env = [] } of containers) expect(env.filter(({ name }) => !settings.has(name))).toEqual([])
  })
})

describe('deploy/systemd', () => {
  it.each(readdirSync(`${root}deploy/systemd`))('%s names settings and files that exist', (file) => {
    const text = read(`deploy/systemd/${file}`)
    const names = [...text.matchAll(/^Environment=(.+)$/gm)].flatMap(([, pairs = '']) =>
      pairs.split(' ').map((pair) => pair.split('=')[0] ?? ''),
    )
    expect(names.filter((name) => !settings.has(name) && !others.has(name))).toEqual([])
    for (const [, script = ''] of text.matchAll(/node (?:--\S+ )*(app\/\S+)/g)) expect(existsSync(`${root}${script}`)).toBe(true)
  })
})
