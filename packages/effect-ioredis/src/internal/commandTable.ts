/**
 * The commands of Redis 7.0, one in each line: name, arity, flags, group, how the replies of all
 * masters are put together, and where its keys are.
 *
 * Made by `scripts/commandTable.ts` from a server's `COMMAND` and `COMMAND DOCS`; a test compares
 * the two.
 *
 * Flags: `w` write, `r` read only, `b` may block, `m` refused when memory is full, `a`
 * administration, `p` publish and subscribe. Keys, counted from the name as 0: `1` the word there;
 * `1>-1` from there to the last word; `/2` each second word; `|2` only the first half of what
 * follows; `1#` the word there is the number of keys after it; `STREAMS@4` after that word, sought
 * from there on; `?` a place that only the command itself knows. Replies: `*` and what Redis
 * calls the response policy; of a command without one, only one master is asked.
 */
export const commandTable = `
acl -2 - server
acl|cat -2 - server
acl|deluser -3 a server
acl|dryrun -4 a server
acl|genpass -2 - server
acl|getuser 3 a server
acl|help 2 - server
acl|list 2 a server
acl|load 2 a server
acl|log -2 a server
acl|save 2 a server
acl|setuser -3 a server
acl|users 2 a server
acl|whoami 2 - server
append 3 wm string 1
asking 1 - cluster
auth -2 - connection
bgrewriteaof 1 a server
bgsave -1 a server
bitcount -2 r bitmap 1
bitfield -2 wm bitmap 1
bitfield_ro -2 r bitmap 1
bitop -4 wm bitmap 2 3>-1
bitpos -3 r bitmap 1
blmove 6 wmb list 1 2
blmpop -5 wb list 2#
blpop -3 wb list 1>-2
brpop -3 wb list 1>-2
brpoplpush 4 wmb list 1 2
bzmpop -5 wb sorted-set 2#
bzpopmax -3 wb sorted-set 1>-2
bzpopmin -3 wb sorted-set 1>-2
client -2 - connection
client|caching 3 - connection
client|getname 2 - connection
client|getredir 2 - connection
client|help 2 - connection
client|id 2 - connection
client|info 2 - connection
client|kill -3 a connection
client|list -2 a connection
client|no-evict 3 a connection
client|pause -3 a connection
client|reply 3 - connection
client|setname 3 - connection
client|tracking -3 - connection
client|trackinginfo 2 - connection
client|unblock -3 a connection
client|unpause 2 a connection
cluster -2 - cluster
cluster|addslots -3 a cluster
cluster|addslotsrange -4 a cluster
cluster|bumpepoch 2 a cluster
cluster|count-failure-reports 3 a cluster
cluster|countkeysinslot 3 - cluster
cluster|delslots -3 a cluster
cluster|delslotsrange -4 a cluster
cluster|failover -2 a cluster
cluster|flushslots 2 a cluster
cluster|forget 3 a cluster
cluster|getkeysinslot 4 - cluster
cluster|help 2 - cluster
cluster|info 2 - cluster
cluster|keyslot 3 - cluster
cluster|links 2 - cluster
cluster|meet -4 a cluster
cluster|myid 2 - cluster
cluster|nodes 2 - cluster
cluster|replicas 3 a cluster
cluster|replicate 3 a cluster
cluster|reset -2 a cluster
cluster|saveconfig 2 a cluster
cluster|set-config-epoch 3 a cluster
cluster|setslot -4 a cluster
cluster|shards 2 - cluster
cluster|slaves 3 a cluster
cluster|slots 2 - cluster
command -1 - server
command|count 2 - server
command|docs -2 - server
command|getkeys -4 - server
command|getkeysandflags -4 - server
command|help 2 - server
command|info -2 - server
command|list -2 - server
config -2 - server
config|get -3 a server
config|help 2 - server
config|resetstat 2 a server
config|rewrite 2 a server
config|set -4 a server *all_succeeded
copy -3 wm generic 1 2
dbsize 1 r server *agg_sum
debug -2 a server
decr 2 wm string 1
decrby 3 wm string 1
del -2 w generic 1>-1
discard 1 - transactions
dump 2 r generic 1
echo 2 - connection
eval -3 - scripting 2#
eval_ro -3 r scripting 2#
evalsha -3 - scripting 2#
evalsha_ro -3 r scripting 2#
exec 1 - transactions
exists -2 r generic 1>-1
expire -3 w generic 1
expireat -3 w generic 1
expiretime 2 r generic 1
failover -1 a server
fcall -3 - scripting 2#
fcall_ro -3 r scripting 2#
flushall -1 w server *all_succeeded
flushdb -1 w server *all_succeeded
function -2 - scripting
function|delete 3 w scripting *all_succeeded
function|dump 2 - scripting
function|flush -2 w scripting *all_succeeded
function|help 2 - scripting
function|kill 2 - scripting *one_succeeded
function|list -2 - scripting
function|load -3 wm scripting *all_succeeded
function|restore -3 wm scripting *all_succeeded
function|stats 2 - scripting
geoadd -5 wm geo 1
geodist -4 r geo 1
geohash -2 r geo 1
geopos -2 r geo 1
georadius -6 wm geo 1 STORE@6 STOREDIST@6
georadius_ro -6 r geo 1
georadiusbymember -5 wm geo 1 STORE@5 STOREDIST@5
georadiusbymember_ro -5 r geo 1
geosearch -7 r geo 1
geosearchstore -8 wm geo 1 2
get 2 r string 1
getbit 3 r bitmap 1
getdel 2 w string 1
getex -2 w string 1
getrange 4 r string 1
getset 3 wm string 1
hdel -3 w hash 1
hello -1 - connection
hexists 3 r hash 1
hget 3 r hash 1
hgetall 2 r hash 1
hincrby 4 wm hash 1
hincrbyfloat 4 wm hash 1
hkeys 2 r hash 1
hlen 2 r hash 1
hmget -3 r hash 1
hmset -4 wm hash 1
hrandfield -2 r hash 1
hscan -3 r hash 1
hset -4 wm hash 1
hsetnx 4 wm hash 1
hstrlen 3 r hash 1
hvals 2 r hash 1
incr 2 wm string 1
incrby 3 wm string 1
incrbyfloat 3 wm string 1
info -1 - server
keys 2 r generic *any
lastsave 1 - server
latency -2 - server
latency|doctor 2 a server
latency|graph 3 a server
latency|help 2 - server
latency|histogram -2 a server
latency|history 3 a server
latency|latest 2 a server
latency|reset -2 a server *all_succeeded
lcs -3 r string 1>1
lindex 3 r list 1
linsert 5 wm list 1
llen 2 r list 1
lmove 5 wm list 1 2
lmpop -4 w list 1#
lolwut -1 r server
lpop -2 w list 1
lpos -3 r list 1
lpush -3 wm list 1
lpushx -3 wm list 1
lrange 4 r list 1
lrem 4 w list 1
lset 4 wm list 1
ltrim 4 w list 1
memory -2 - server
memory|doctor 2 - server
memory|help 2 - server
memory|malloc-stats 2 - server
memory|purge 2 - server *all_succeeded
memory|stats 2 - server
memory|usage -3 r server 2
mget -2 r string 1>-1
migrate -6 w generic 3 KEYS@-2>-1
module -2 - server
module|help 2 - server
module|list 2 a server
module|load -3 a server
module|loadex -3 a server
module|unload 3 a server
monitor 1 a server
move 3 w generic 1
mset -3 wm string 1>-1/2
msetnx -3 wm string 1>-1/2
multi 1 - transactions
object -2 - generic
object|encoding 3 r generic 2
object|freq 3 r generic 2
object|help 2 - generic
object|idletime 3 r generic 2
object|refcount 3 r generic 2
persist 2 w generic 1
pexpire -3 w generic 1
pexpireat -3 w generic 1
pexpiretime 2 r generic 1
pfadd -2 wm hyperloglog 1
pfcount -2 r hyperloglog 1>-1
pfdebug 3 wma hyperloglog 2
pfmerge -2 wm hyperloglog 1 2>-1
pfselftest 1 a hyperloglog
ping -1 - connection *all_succeeded
psetex 4 wm string 1
psubscribe -2 p pubsub
psync -3 a server
pttl 2 r generic 1
publish 3 p pubsub
pubsub -2 - pubsub
pubsub|channels -2 p pubsub
pubsub|help 2 - pubsub
pubsub|numpat 2 p pubsub
pubsub|numsub -2 p pubsub
pubsub|shardchannels -2 p pubsub
pubsub|shardnumsub -2 p pubsub
punsubscribe -1 p pubsub
quit -1 - connection
randomkey 1 r generic *any
readonly 1 - cluster
readwrite 1 - cluster
rename 3 w generic 1 2
renamenx 3 w generic 1 2
replconf -1 a server
replicaof 3 a server
reset 1 - connection
restore -4 wm generic 1
restore-asking -4 wm server 1
role 1 - server
rpop -2 w list 1
rpoplpush 3 wm list 1 2
rpush -3 wm list 1
rpushx -3 wm list 1
sadd -3 wm set 1
save 1 a server
scan -2 r generic
scard 2 r set 1
script -2 - scripting
script|debug 3 - scripting
script|exists -3 - scripting *agg_logical_and
script|flush -2 - scripting *all_succeeded
script|help 2 - scripting
script|kill 2 - scripting *one_succeeded
script|load 3 - scripting *all_succeeded
sdiff -2 r set 1>-1
sdiffstore -3 wm set 1 2>-1
select 2 - connection
set -3 wm string 1
setbit 4 wm bitmap 1
setex 4 wm string 1
setnx 3 wm string 1
setrange 4 wm string 1
shutdown -1 a server
sinter -2 r set 1>-1
sintercard -3 r set 1#
sinterstore -3 wm set 1 2>-1
sismember 3 r set 1
slaveof 3 a server
slowlog -2 - server
slowlog|get -2 a server *any
slowlog|help 2 - server
slowlog|len 2 a server *agg_sum
slowlog|reset 2 a server *all_succeeded
smembers 2 r set 1
smismember -3 r set 1
smove 4 w set 1 2
sort -2 wm generic 1 ? ?
sort_ro -2 r generic 1 ?
spop -2 w set 1
spublish 3 p pubsub 1
srandmember -2 r set 1
srem -3 w set 1
sscan -3 r set 1
ssubscribe -2 p pubsub 1>-1
strlen 2 r string 1
subscribe -2 p pubsub
substr 4 r string 1
sunion -2 r set 1>-1
sunionstore -3 wm set 1 2>-1
sunsubscribe -1 p pubsub 1>-1
swapdb 3 w server
sync 1 a server
time 1 - server
touch -2 r generic 1>-1
ttl 2 r generic 1
type 2 r generic 1
unlink -2 w generic 1>-1
unsubscribe -1 p pubsub
unwatch 1 - transactions
wait 3 - generic *agg_min
watch -2 - transactions 1>-1
xack -4 w stream 1
xadd -5 wm stream 1
xautoclaim -6 w stream 1
xclaim -6 w stream 1
xdel -3 w stream 1
xgroup -2 - stream
xgroup|create -5 wm stream 2
xgroup|createconsumer 5 wm stream 2
xgroup|delconsumer 5 w stream 2
xgroup|destroy 4 w stream 2
xgroup|help 2 - stream
xgroup|setid -5 w stream 2
xinfo -2 - stream
xinfo|consumers 4 r stream 2
xinfo|groups 3 r stream 2
xinfo|help 2 - stream
xinfo|stream -3 r stream 2
xlen 2 r stream 1
xpending -3 r stream 1
xrange -4 r stream 1
xread -4 rb stream STREAMS@1>-1|2
xreadgroup -7 wb stream STREAMS@4>-1|2
xrevrange -4 r stream 1
xsetid -3 wm stream 1
xtrim -4 w stream 1
zadd -4 wm sorted-set 1
zcard 2 r sorted-set 1
zcount 4 r sorted-set 1
zdiff -3 r sorted-set 1#
zdiffstore -4 wm sorted-set 1 2#
zincrby 4 wm sorted-set 1
zinter -3 r sorted-set 1#
zintercard -3 r sorted-set 1#
zinterstore -4 wm sorted-set 1 2#
zlexcount 4 r sorted-set 1
zmpop -4 w sorted-set 1#
zmscore -3 r sorted-set 1
zpopmax -2 w sorted-set 1
zpopmin -2 w sorted-set 1
zrandmember -2 r sorted-set 1
zrange -4 r sorted-set 1
zrangebylex -4 r sorted-set 1
zrangebyscore -4 r sorted-set 1
zrangestore -5 wm sorted-set 1 2
zrank 3 r sorted-set 1
zrem -3 w sorted-set 1
zremrangebylex 4 w sorted-set 1
zremrangebyrank 4 w sorted-set 1
zremrangebyscore 4 w sorted-set 1
zrevrange -4 r sorted-set 1
zrevrangebylex -4 r sorted-set 1
zrevrangebyscore -4 r sorted-set 1
zrevrank 3 r sorted-set 1
zscan -3 r sorted-set 1
zscore 3 r sorted-set 1
zunion -3 r sorted-set 1#
zunionstore -4 wm sorted-set 1 2#
`
