import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classOf, fingerprintOf, normalise } from './log-classes.ts'

describe('log classes', () => {
  it.each([
    ['Kernel panic - not syncing: Fatal exception', 'panic'],
    ['Unable to handle kernel NULL pointer dereference at virtual address 00000000', 'oops'],
    ['Internal error: Oops: 17 [#1] PREEMPT SMP ARM', 'oops'],
    ['[  211.592905][    T1] Internal error: synchronous external abort: 96000010 [#1] PREEMPT SMP', 'oops'],
    ['divide error: 0000 [#1] SMP', 'oops'],
    ['BUG: kernel NULL pointer dereference, address: 0000000000000008', 'oops'],
    ['BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!', 'stall'],
    ['collectd: Internal error: no such plugin', ''],
    ['BUG: scheduling while atomic: swapper/0/0/0x00000100', 'oops'],
    ['WARNING: CPU: 0 PID: 1203 at net/sched/sch_generic.c:320 dev_watchdog+0x1ac/0x1b0', 'oops'],
    ['WARNING: at net/sched/sch_generic.c:255 dev_watchdog+0x24c/0x264()', 'oops'],
    ['WARNING: net/sched/sch_generic.c:525 at dev_watchdog+0x21a/0x230, CPU#1: swapper/1/0', 'oops'],
    ['backup: WARNING: 3 files skipped at 02:00', ''],
    ['Oops[#1]:', 'oops'],
    ['Oops: 0002 [#1] SMP PTI', 'oops'],
    ['Oops: Kernel access of bad area, sig: 11 [#1]', 'oops'],
    ['luci: Oops: no such page', ''],
    ['rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... } 5252 jiffies s: 101 root: 0x2/.', 'stall'],
    ['blk_update_request: I/O error, dev mmcblk0, sector 81920 op 0x1:(WRITE)', 'flash'],
    ['jffs2: Data CRC failed on node at 0x003fa9c0: Read 0x8f0b2c11, calculated 0x22be9d1f', 'flash'],
    ['mtd->read(0x100 bytes from 0x1fa00) returned ECC error', 'flash'],
    ['print_req_error: I/O error, dev sda, sector 1234', ''],
    ['ip_conntrack: table full, dropping packet.', 'conntrack'],
    ['INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.356 msecs', ''],
    ['Out of memory: Killed process 812 (hostapd) total-vm:11kB', 'oom'],
    ['watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [swapper/1:0]', 'stall'],
    ['NETDEV WATCHDOG: wwan0 (qmi_wwan): transmit queue 0 timed out', 'modem-tx'],
    ['usb 1-1.2: USB disconnect, device number 4', 'usb-gone'],
    ['usb 1-1: device descriptor read/64, error -71', 'usb-error'],
    ['EXT4-fs (sda1): Remounting filesystem read-only', 'read-only-fs'],
    ['EXT4-fs error (device sda1): ext4_find_entry', 'flash'],
    ['nf_conntrack: table full, dropping packet', 'conntrack'],
    ['swapper: page allocation failure: order:4', 'alloc'],
    ['curl[42]: segfault at 0 ip 00000000', 'segv'],
    ['Instance dnsmasq::cfg s in a crash loop 6 crashes, 0 seconds', 'crash-loop'],
    ['thermal thermal_zone0: critical temperature reached (120 C)', 'thermal'],
    ["Bad password attempt for 'root' from 192.0.2.1:4711", 'auth'],
    ['usb 1-1: new high-speed USB device number 5', ''],
  ])('%s', (message, expected) => {
    expect(classOf(message)).toBe(expected)
  })
})

describe('fingerprint', () => {
  it('is the same for lines that differ in stamps, numbers, addresses and pids', () => {
    const same = [
      '[   12.345678] wlan0: STA 00:11:22:33:44:55 associated (aid 1), pid 4711 at 0xdeadbeef',
      '[99999.000001] wlan0: STA aa:bb:cc:dd:ee:ff associated (aid 27), pid 5 at 0x0',
    ]
    expect(new Set(same.map(fingerprintOf)).size).toBe(1)
    expect(normalise(same[0] ?? '')).toBe('#wlan#: STA # associated (aid #), pid # at #')
  })

  it('differs for another wording, and is stable for ever', () => {
    expect(fingerprintOf('link up')).not.toBe(fingerprintOf('link down'))
    expect(fingerprintOf('link is up')).toBe(12736786872153942686n)
  })

  it('takes any text, within 64 bits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const fingerprint = fingerprintOf(text)
        expect(fingerprint >= 0n && fingerprint < 2n ** 64n).toBe(true)
        classOf(text)
      }),
    )
  })

  it('is quick on long and hostile lines', () => {
    const started = performance.now()
    for (const text of ['a1'.repeat(500_000), '0x'.repeat(500_000), 'WARNING: '.repeat(50_000), ' '.repeat(1_000_000)]) {
      fingerprintOf(text)
      classOf(text)
    }
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})
