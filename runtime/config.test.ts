import { describe, expect, it } from 'vitest'
import { loadConfig, splitListen } from './config.ts'

const noFile = (): string => {
  throw new Error('no file was expected')
}
const file = (text: string) => () => text
const problemsOf = (environment: Record<string, string>, readText: (path: string) => string = noFile): string => {
  try {
    loadConfig(readText, environment)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

describe('loadConfig', () => {
  it('gives every default when nothing is set, and cannot be changed after', () => {
    const config = loadConfig(noFile, {})
    expect(config.MQTT_LISTEN).toBe('127.0.0.1:1883')
    expect(config.STAGE_BATCH_AFTER_MS).toBe(800)
    expect(Object.isFrozen(config)).toBe(true)
  })

  it('takes the environment before the file', () => {
    const config = loadConfig(file('TENANT: from-file\nLOG_PARTITIONS: 3\n'), { CONFIG_FILE: 'x.yaml', TENANT: 'from-env' })
    expect([config.TENANT, config.LOG_PARTITIONS]).toEqual(['from-env', 3])
  })

  it('refuses an unknown key of the file and names the nearest', () => {
    expect(problemsOf({ CONFIG_FILE: 'x.yaml' }, file('LOG_PARTITION: 3'))).toContain(
      'LOG_PARTITION in the file is no setting; did you mean LOG_PARTITIONS?',
    )
  })

  it('refuses an environment name that is nearly one of ours, and ignores all others', () => {
    expect(problemsOf({ HTTP_LISTN: 'x', PATH: '/bin', HOME: '/' })).toBe(
      'The configuration is not valid:\n- environment HTTP_LISTN is no setting; did you mean HTTP_LISTEN?',
    )
  })

  it.each([
    ['1', ''],
    ['64', ''],
    ['0', 'LOG_PARTITIONS: expected an integer from 1 to 64, got "0"'],
    ['65', 'LOG_PARTITIONS: expected an integer from 1 to 64, got "65"'],
    ['many', 'LOG_PARTITIONS: expected an integer from 1 to 64, got "many"'],
  ])('judges LOG_PARTITIONS=%s', (value, problem) => {
    expect(problemsOf({ LOG_PARTITIONS: value })).toBe(problem === '' ? '' : `The configuration is not valid:\n- ${problem}`)
  })

  it('refuses MQTT off loopback without logins', () => {
    expect(problemsOf({ MQTT_LISTEN: '0.0.0.0:1883' })).toContain('expected MQTT_USERS_FILE')
    expect(problemsOf({ MQTT_LISTEN: '0.0.0.0:1883', MQTT_USERS_FILE: 'users' })).toBe('')
  })

  it('refuses two listeners on one address, but for port 0', () => {
    expect(problemsOf({ HTTP_LISTEN: '127.0.0.1:8123' })).toContain(
      'WAREHOUSE_LISTEN=127.0.0.1:8123: expected an address of its own, HTTP_LISTEN has it',
    )
    expect(problemsOf({ HTTP_LISTEN: '127.0.0.1:0', WAREHOUSE_LISTEN: '127.0.0.1:0' })).toBe('')
  })

  it('says in words what a token is', () => {
    expect(problemsOf({ ADMIN_TOKEN: 'a' })).toContain('ADMIN_TOKEN: expected 16 to 200 visible ASCII characters, or nothing, got "a"')
  })

  it('tells all problems at once', () => {
    expect(problemsOf({ LOG_LEVEL: 'loud', MQTTS_LISTEN: '127.0.0.1:8883' }).split('\n')).toHaveLength(3)
  })
})

it('takes a name that only begins like loopback for one of somewhere else', () => {
  expect(problemsOf({ MQTT_LISTEN: '[::1]:1883', MQTT_WS_LISTEN: 'localhost:8083' })).toBe('')
  expect(problemsOf({ MQTT_LISTEN: '127.evil.com:1883' })).toContain(
    'MQTT_LISTEN=127.evil.com:1883 is off loopback: expected MQTT_USERS_FILE',
  )
})

it('splits host and port, v6 too', () => {
  expect(splitListen('[::1]:8080')).toEqual({ host: '::1', port: 8080 })
})
