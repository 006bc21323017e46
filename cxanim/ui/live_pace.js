// How many frames are sent: as many as come back in time. A machine that shows fewer than the camera gives would be
// sent the rest for nothing: each waits somewhere until a newer one takes its place, half its work is done, and all
// after it are later. So the rate falls while more than `CALM` are under way on average, and rises again while they are
// fewer; how long a picture takes then is, by Little's law, that many over the rate, however quick the machine. For a
// moment there may be `MOST`.
const MOST = 3, CALM = 1.7, LEAST_A_SECOND = 5, MOST_A_SECOND = 40, SLOWER = 0.98, QUICKER = 1.005, LOOKED_AT = 15;

function pacing() {
  let aSecond = MOST_A_SECOND, credit = 1, before = null, usual = 0;
  return (nowMs, underWay) => {  // whether the frame that comes now is sent
    const passedMs = before === null ? 0 : nowMs - before;
    before = nowMs;
    usual += (underWay - usual) / LOOKED_AT;
    aSecond = Math.min(MOST_A_SECOND, Math.max(LEAST_A_SECOND, aSecond * (usual > CALM ? SLOWER : QUICKER)));
    credit = Math.min(1.5, credit + (aSecond * passedMs) / 1000);
    if (credit < 1 || underWay >= MOST) return false;
    credit -= 1;
    return true;
  };
}
