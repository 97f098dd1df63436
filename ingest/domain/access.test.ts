import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loginOf, mayPublish, mayReceive, type Principal, rightsOf } from './access.ts'

const own = '00-11-22-33-44-55'
const named = (name: string, role: string | null = null, prefix: string | null = null): Principal => ({ name, role, prefix })
const device = loginOf(named('001122334455'))

describe('a device login', () => {
  it('is recognised by its MAC in any writing', () => {
    expect(device).toEqual({ kind: 'device', mac: own, prefixes: [] })
    expect(loginOf(named('00:11:22:33:44:55', 'reader'))).toEqual({ kind: 'device', mac: own, prefixes: [] })
  })

  it.each([
    [`dwr/311-a1/${own}/hardware/loadavg`, true],
    ['dwr/311-a1/00:11:22:33:44:55/hardware/loadavg', true],
    [`dwr/311-a1/${own}/tasks/7/event`, true],
    [`dwr/311-a1/${own}/tasks/7/request`, false],
    [`dwr/311-a1/${own}/tasks/7/request/`, false],
    [`dwr/311-a1/${own}/tasks/7/request//`, false],
    [`dwr/311-a1/${own}`, false],
    ['dwr/311-a1/00-11-22-33-44-56/hardware/loadavg', false],
    [`${own}/x/y/z`, false],
    [`x/${own}/y/z`, false],
    [`/x/${own}/y`, false],
    [`x//${own}/y`, false],
    ['$SYS/a/b', false],
    [`$share/x/${own}/y`, false],
  ])('may publish %s: %s', (topic, allowed) => {
    expect(mayPublish(device, topic)).toBe(allowed)
  })

  it('sees its own task requests and nobody else’s', () => {
    expect(mayReceive(device, `dwr/311-a1/${own}/tasks/7/request`)).toBe(true)
    expect(mayReceive(device, 'dwr/311-a1/00-11-22-33-44-56/tasks/7/request')).toBe(false)
    expect(mayReceive(device, '$SYS/a/new/clients')).toBe(false)
  })

  it('never gets past its own MAC, whatever the topic', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 8 }), (levels) => {
        const topic = levels.join('/')
        if (mayPublish(device, topic)) expect(topic.split('/')[2]?.replace(/[^0-9a-f]/gi, '')).toBe('001122334455')
      }),
    )
  })
})

describe('prefixes', () => {
  const router = rightsOf(named('0000000007', 'publisher', 'router/%i'))
  const withCollectd = rightsOf(named('00-11-22-33-44-55', null, 'collectd/%i,collectd/depot-07'))

  it.each([
    ['router/0000000007/temperature', true],
    ['router/0000000007', true],
    ['router/0000000008/temperature', false],
    ['router/00000000071/temperature', false],
    ['router/%i/temperature', false],
    ['router/get', false],
    [`dwr/311-a1/${own}/hardware/loadavg`, false],
  ])('a router by its serial number may publish %s: %s', (topic, allowed) => {
    expect(router.mayPublish(topic)).toBe(allowed)
    expect(router.mayReceive(topic)).toBe(allowed)
  })

  it.each([
    [`collectd/${own}/load/load`, true],
    ['collectd/depot-07/load/load', true],
    [`dwr/311-a1/${own}/hardware/loadavg`, true],
    ['collectd/00-11-22-33-44-56/load/load', false],
    [`collectd/${own}/tasks/7/request`, false],
    ['router/0000000007/temperature', false],
  ])('a device that runs collectd may publish %s: %s', (topic, allowed) => {
    expect(withCollectd.mayPublish(topic)).toBe(allowed)
  })

  it('take nothing for a login’s name that would be more than one level', () => {
    for (const name of ['a/b', '+', '#', '', 'a,b']) {
      expect(loginOf(named(name, 'publisher', 'router/%i,x'))).toEqual({ kind: 'publisher', prefixes: ['x'] })
      expect(loginOf(named(name, 'publisher', 'router/%i'))).toEqual({ kind: 'nobody' })
      expect(rightsOf(named(name, 'reader', 'router/%i')).mayReceive('a')).toBe(false)
    }
    expect(loginOf(named('$&', 'publisher', 'router/%i'))).toEqual({ kind: 'publisher', prefixes: ['router/$&'] })
  })
})

describe('other logins', () => {
  it('without one, anything but task requests and $ topics may be published', () => {
    const rights = rightsOf(null)
    expect(rights.mayPublish('world/asia/taiwan/taipei/neihu/temperature')).toBe(true)
    expect(rights.mayPublish(`dwr/311-a1/${own}/tasks/7/request`)).toBe(false)
    expect(rights.mayPublish('tasks/7/request')).toBe(false)
    expect(rights.mayPublish('$SYS/x')).toBe(false)
    expect(rights.mayReceive(`dwr/311-a1/${own}/tasks/7/request`)).toBe(true)
    expect(rights.mayReceive('$SYS/x')).toBe(false)
  })

  it('a publisher stays below its prefix, by whole levels', () => {
    const rights = rightsOf(named('weather', 'publisher', 'world/asia'))
    expect(rights.mayPublish('world/asia/taiwan/temperature')).toBe(true)
    expect(rights.mayPublish('world/asia-pacific/x')).toBe(false)
    expect(rights.mayReceive('world/europe/x')).toBe(false)
  })

  it('a reader publishes nothing', () => {
    expect(rightsOf(named('noc', 'reader')).mayReceive('a/b')).toBe(true)
    expect(rightsOf(named('noc', 'reader', 'a')).mayReceive('b/a')).toBe(false)
    expect(rightsOf(named('noc', 'reader')).mayPublish('a/b')).toBe(false)
  })

  it('without role, with an unknown one, or a publisher without prefix, may do nothing', () => {
    for (const login of [named('x'), named('x', 'admin'), named('x', 'publisher')]) {
      expect(loginOf(login)).toEqual({ kind: 'nobody' })
      expect(rightsOf(login).mayReceive('a')).toBe(false)
    }
  })
})
