"""The Python that `hostile.py` runs inside: each probe prints `name DONE` for what it was allowed, or the refusal.

No probe does harm where it succeeds: the value that is there is written back, what is opened is left alone, and calls
get bad arguments, which the kernel looks at after the permission.
"""

TRY = """import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def say(name, act):
    try:
        print(name, 'DONE', act() or '')
    except OSError as error:
        print(name, 'refused:', error.strerror or error)
def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def opened(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags))
"""
"""What each of the others begins with."""

MOUNT = """
say('tmpfs', lambda: call(165, b'none', b'/tmp', b'tmpfs', 0, None))
say('bind', lambda: call(165, b'/etc', b'/tmp', None, 4096, None))
say('remount', lambda: call(165, None, b'/', None, 32, None))
say('user-namespace', lambda: call(272, 0x10000000))
"""
DEVICES = """
def node(kind, major, minor):
    os.mknod('/tmp/node', 0o600 | kind, os.makedev(major, minor)); opened('/tmp/node', os.O_RDONLY)
say('disk', lambda: node(0o060000, 254, 0))
say('mem', lambda: node(0o020000, 1, 1))
say('kmsg', lambda: opened('/dev/kmsg'))
say('fuse', lambda: opened('/dev/fuse', os.O_RDWR))
"""
# x86-64's numbers (unistd_64.h). Bad arguments: EPERM or ENOSYS is a refusal, anything else would have gone on.
CALLS = """
def reached(number, *arguments):
    try:
        call(number, *arguments)
    except OSError as error:
        if error.errno in (1, 13, 38):
            raise
        return error.strerror
"""
MODULE = """
say('init_module', lambda: reached(175, b'', 0, b''))
say('kexec_load', lambda: reached(246, 0, 0, 0, -1))
say('reboot', lambda: reached(169, 0, 0, 0, 0))
say('settime', lambda: time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME)))
say('swapon', lambda: reached(167, b'/nothing', 0))
"""
SURFACE = """
for name, number in dict(bpf=321, perf_event_open=298, add_key=248, keyctl=250, userfaultfd=323, io_uring_setup=425,
                         open_by_handle_at=304).items():
    say(name, lambda: reached(number, -1, None, -1, -1, -1))
"""
KERNEL_FILES = """
def same(path):
    with open(path) as file: old = file.read()
    with open(path, 'w') as file: file.write(old.split('[')[-1].split(']')[0] if '[' in old else old)
for path in ('/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory',
             '/sys/kernel/mm/transparent_hugepage/enabled', '/sys/module/printk/parameters/time'):
    say(path, lambda: same(path))
for path in ('/proc/sysrq-trigger', '/sys/power/state', '/proc/kcore', '/sys/fs/cgroup/memory/memory.limit_in_bytes',
             '/sys/fs/cgroup/cgroup.procs'):
    say(path, lambda: opened(path))
found = []
for folder, folders, files in os.walk('/proc'):
    if folder == '/proc':
        folders[:] = [name for name in folders if not name.isdigit() and name not in ('self', 'thread-self')]
    for name in files:
        try:
            opened(f'{folder}/{name}', os.O_WRONLY | os.O_NONBLOCK)
            # A file that is masked is /dev/null.
            found += [f'{folder}/{name}'] * (os.stat(f'{folder}/{name}').st_rdev != os.makedev(1, 3))
        except OSError:
            pass
# Of a network namespace of its own these are its own, and a pressure file takes a trigger of the one who opened it.
found = [path for path in found if not path.startswith(('/proc/sys/net/', '/proc/pressure/'))]
print('writable-kernel-files', 'DONE' if found else 'refused:', len(found), *found[:3])
"""
SETUID = """
import shutil, subprocess
shutil.copy('/bin/cat', '/tmp/cat'); os.chmod('/tmp/cat', 0o6755)
status = subprocess.run(['/tmp/cat', '/proc/self/status'], capture_output=True, text=True).stdout
rows = dict(line.split(':', 1) for line in status.splitlines())
gained = int(rows['CapEff'], 16)
print('effective-capabilities', 'DONE' if gained else 'refused:', hex(gained), 'of', rows['CapBnd'].strip())
"""
MEMORY = """
kept = []
while True:
    kept.append(bytearray(16 << 20)); print(len(kept) * 16, flush=True)
"""
CORES = """
import multiprocessing
def burn(_):
    end = time.time() + 3
    while time.time() < end: pass
with multiprocessing.Pool(4) as pool: pool.map(burn, range(4))
used = os.times(); print((used.children_user + used.children_system) / 3)
"""
DAEMON = """
for _ in range(2):
    if os.fork(): break
    os.setsid()
else:
    os.execvp('bash', ['bash', '-c', 'trap "" TERM HUP; while :; do sleep 1; done # MARK'])
time.sleep(1000)
"""
