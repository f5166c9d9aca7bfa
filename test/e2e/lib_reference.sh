# SPDX-License-Identifier: MIT
# Sourced on demand: other people's servers in the place of ours, to see whether a test fails by its own fault.
# dnsmasq is the proxy and TFTP, nfs-ganesha the NFS server, rpcbind the port mapper; trees are copies.

# reference SERIAL: serves $image to the Pi with this serial
reference() {
	local serial=$1 tree=$work/tree dir=$work/tftp/$1
	need dnsmasq ganesha.nfsd rpcbind debugfs
	host server $server_ip
	mkdir -p "$tree" "$dir"
	MTOOLS_SKIP_CHECK=1 mcopy -s -n -i "$image@@8M" ::/ "$dir"
	cp "$dir/bootcode.bin" "$work/tftp/"
	rm -f "$dir"/pieeprom.* "$dir/recovery.bin"
	dd if="$image" of="$work/root.img" bs=1M skip=264 conv=sparse status=none
	debugfs -R "rdump / $tree" "$work/root.img" >/dev/null 2>&1
	printf 'proc /proc proc defaults 0 0\n/boot/firmware /boot/firmware none bind 0 0\n' >"$tree/etc/fstab"
	cp -r "$dir/." "$tree/boot/firmware"
	sed -i -E "s#root=PARTUUID=[^ ]*#root=/dev/nfs nfsroot=$server_ip:/$serial,v3,tcp,port=2049,nolock,rsize=131072,wsize=131072 rw ip=dhcp#;s# (rootfstype|fsck.repair|init)=[^ ]*##g;s# resize##" \
		"$dir/cmdline.txt"
	ip netns exec server dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 \
		--bind-interfaces --dhcp-range=10.77.0.0,proxy --pxe-service=0,'Raspberry Pi Boot   ' \
		--enable-tftp --tftp-root="$work/tftp" --user=root --log-dhcp >"$work/dnsmasq.log" 2>&1 &
	ip netns exec server rpcbind -f -w >"$work/rpcbind.log" 2>&1 &
	mkdir -p /run/ganesha
	cat >"$work/ganesha.conf" <<-TEXT
	NFS_CORE_PARAM { Protocols = 3; Enable_NLM = false; Enable_RQUOTA = false; }
	EXPORT { Export_Id = 1; Path = "$tree"; Pseudo = "/$serial"; Tag = "$serial"; Access_Type = RW;
		Squash = No_Root_Squash; SecType = sys, none; Transports = TCP; FSAL { Name = VFS; }
		Protocols = 3; }
	NFSv3 { }
	TEXT
	sed -i "s#$server_ip:/$serial#$server_ip:$tree#" "$dir/cmdline.txt"
	ip netns exec server ganesha.nfsd -F -f "$work/ganesha.conf" -L "$work/ganesha.log" -p /run/ganesha.pid &
	wait_for 20 ganesha listens server tcp 2049
}
